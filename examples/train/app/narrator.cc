#include "train/app/narrator.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "train/app/curve.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) throw Failure(path + ": cannot be written");
}

// All settings, side by side.
std::string settings_text(const RunConfig& config) {
  constexpr std::size_t kColumns = 100;
  std::string text, line = "settings    ";
  for (const Field& field : fields()) {
    if (!is_of(field, Command::kTrain)) continue;
    const std::string entry = fmt::format(" {}={}", field.name, text_of(config, field));
    if (line.size() + entry.size() > kColumns) {
      text += line + "\n";
      line = std::string(12, ' ');
    }
    line += entry;
  }
  return text + line + "\n";
}

}  // namespace

void Narrator::say(const std::string& text) const {
  if (!speaks_) return;
  fmt::print("{}", text);
  std::fflush(stdout);
}

void Narrator::introduce(const Plan& plan, const std::string& data, const Yardstick& yardstick,
                         const Sources& sources, long resumed_after) {
  yardstick_ = yardstick;
  title_ = fmt::format("{}, {}", config_.model, to_text(plan.mesh));
  say(describe(plan, config_.model));
  if (config_.draw_mesh) say(fmt::format("\n{}", draw(plan.mesh)));
  say(fmt::format("\ndata         {}\n{}", data, explain_line(yardstick, sources)));
  if (resumed_after > 0) say(fmt::format("resumed      after step {}\n", resumed_after));
  say(settings_text(config_) + "\n");
  if (writes()) open_log(/*goes_on=*/resumed_after > 0);
}

void Narrator::open_log(bool goes_on) {
  std::error_code error;
  std::filesystem::create_directories(config_.out, error);
  write_text(out("run.json"), to_json(config_, Command::kTrain));
  log_.open(out("steps.jsonl"), goes_on ? std::ios::app : std::ios::trunc);
  if (!log_) throw Failure(out("steps.jsonl") + ": cannot be written");
}

void Narrator::tell(const StepRecord& record, bool on_terminal) {
  if (!speaks_) return;
  if (on_terminal) say(to_line(record, yardstick_) + "\n");
  if (log_.is_open()) log_ << to_json(record, yardstick_) << std::flush;
  records_.push_back(record);
}

void Narrator::conclude(const Timeline& timeline) {
  if (speaks_) say(fmt::format("\n{}", final_table(records_, yardstick_)));
  if (!writes()) return;
  std::vector<CurvePoint> training, validation;
  for (const StepRecord& record : records_) {
    const double at = static_cast<double>(record.report.step + 1);
    training.push_back({at, record.report.loss});
    if (record.validation_loss) validation.push_back({at, *record.validation_loss});
  }
  write_text(out("loss.svg"), draw_curve(title_, training, validation));
  if (config_.trace_steps > 0) write_text(out("trace.json"), timeline.to_json());
  say(fmt::format("{}: run.json, steps.jsonl, loss.svg{}\n", config_.out,
                  config_.trace_steps > 0 ? ", trace.json (for ui.perfetto.dev)" : ""));
}

}  // namespace tutti::train
