#include "train/app/step_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "train/app/numbers.h"

namespace tutti::train {
namespace {

constexpr std::size_t kRows = 12;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string milliseconds(double seconds) { return fmt::format("{:.1f} ms", 1e3 * seconds); }

// First, last, and some between, at equal distances.
std::vector<std::size_t> rows_of(std::size_t count) {
  const std::size_t rows = std::min(count, kRows);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < rows; ++i) {
    chosen.push_back(rows == 1 ? 0 : i * (count - 1) / (rows - 1));
  }
  return chosen;
}

// Sums of the steps; the first is left out where there are others, for it makes what is used again.
struct Totals {
  double seconds = 0;
  double waited = 0;
  double hidden = 0;
  double steps = 0;
};
Totals totals_of(const std::vector<StepRecord>& records) {
  Totals totals;
  for (std::size_t i = records.size() > 1 ? 1 : 0; i < records.size(); ++i) {
    totals.seconds += records[i].report.seconds;
    totals.waited += records[i].waited;
    totals.hidden += records[i].hidden;
    ++totals.steps;
  }
  return totals;
}

}  // namespace

double tokens_per_second(const StepRecord& record, const Yardstick& yardstick) {
  return static_cast<double>(yardstick.tokens) / record.report.seconds;
}

double utilisation(const StepRecord& record, const Yardstick& yardstick, double flops) {
  return tokens_per_second(record, yardstick) * flops / yardstick.peak;
}

std::string to_line(const StepRecord& record, const Yardstick& yardstick) {
  const StepReport& report = record.report;
  std::string line = fmt::format(
      "step {:>5}/{}  loss {:.4f}  norm {:.3f}  rate {:.2e}  {} tok/s  MFU {:.1f}/{:.1f} %  {}  "
      "comm {} + {} hidden",
      report.step + 1, yardstick.steps, report.loss, report.gradient_norm, report.rate,
      count_text(tokens_per_second(record, yardstick)),
      100 * utilisation(record, yardstick, yardstick.flops.causal),
      100 * utilisation(record, yardstick, yardstick.flops.full), bytes_text(record.memory),
      milliseconds(record.waited), milliseconds(record.hidden));
  if (record.joules) {
    line += fmt::format("  {:.3g} J/tok", *record.joules / static_cast<double>(yardstick.tokens));
  }
  if (record.validation_loss) line += fmt::format("  validation {:.4f}", *record.validation_loss);
  return line;
}

namespace {

std::string energy_text(const Sources& sources) {
  if (!sources.rapl && !sources.nvml) {
    return "cannot be read here (/sys/class/powercap, NVML)";
  }
  return fmt::format(
      "of the {}{}{} of rank 0's host, whoever uses them", sources.rapl ? "processors (RAPL)" : "",
      sources.rapl && sources.nvml ? " and " : "", sources.nvml ? "GPUs (NVML)" : "");
}

}  // namespace

std::string explain_line(const Yardstick& yardstick, const Sources& sources) {
  return fmt::format(
      "MFU          attention (and chunks of Mamba-2) counted as causal / as full, of {}FLOP/s: "
      "{}\n"
      "comm         time that ranks stood still for others, and communication behind their "
      "computation; means of all ranks\n"
      "memory       of the largest process; on GPUs what it has had there at most\n"
      "energy       {}\n",
      count_text(yardstick.peak), sources.peak, energy_text(sources));
}

std::string to_json(const StepRecord& record, const Yardstick& yardstick) {
  const StepReport& report = record.report;
  nlohmann::ordered_json json = {
      {"step", report.step + 1},
      {"loss", report.loss},
      {"gradient_norm", report.gradient_norm},
      {"rate", report.rate},
      {"tokens", report.tokens},
      {"seconds", report.seconds},
      {"tokens_per_second", tokens_per_second(record, yardstick)},
      {"mfu_causal", utilisation(record, yardstick, yardstick.flops.causal)},
      {"mfu_full", utilisation(record, yardstick, yardstick.flops.full)},
      {"memory_bytes", record.memory},
      {"exposed_seconds", record.waited},
      {"hidden_seconds", record.hidden},
      {"bytes",
       {{"tensor", report.traffic.tensor.bytes},
        {"context", report.traffic.context.bytes},
        {"pipeline", report.traffic.pipeline.bytes},
        {"data", report.traffic.data.bytes},
        {"rest", report.traffic.rest.bytes}}}};
  if (record.joules) {
    json["joules_per_token"] = *record.joules / static_cast<double>(yardstick.tokens);
  }
  if (record.validation_loss) json["validation_loss"] = *record.validation_loss;
  return json.dump() + "\n";
}

std::string final_table(const std::vector<StepRecord>& records, const Yardstick& yardstick) {
  if (records.empty()) return "no step was made\n";
  std::string table =
      fmt::format("{:>8} {:>10} {:>12} {:>10} {:>12} {:>8} {:>10} {:>12}\n", "step", "loss",
                  "validation", "norm", "tokens/s", "MFU", "exposed", "hidden");
  for (const std::size_t i : rows_of(records.size())) {
    const StepRecord& record = records[i];
    const std::string validation =
        record.validation_loss ? fmt::format("{:.4f}", *record.validation_loss) : "";
    table +=
        fmt::format("{:>8} {:>10.4f} {:>12} {:>10.3f} {:>12} {:>8} {:>10} {:>12}\n",
                    record.report.step + 1, record.report.loss, validation,
                    record.report.gradient_norm, count_text(tokens_per_second(record, yardstick)),
                    percent(utilisation(record, yardstick, yardstick.flops.causal)),
                    milliseconds(record.waited), milliseconds(record.hidden));
  }
  const Totals totals = totals_of(records);
  const double speed = totals.steps * static_cast<double>(yardstick.tokens) / totals.seconds;
  table += fmt::format(
      "\n{} steps, {} tokens: loss {:.4f} -> {:.4f}; {} tokens/s, MFU {} (full attention {}); of "
      "the time {} waiting for other ranks\n",
      records.size(), count_text(static_cast<double>(records.size()) * yardstick.tokens),
      records.front().report.loss, records.back().report.loss, count_text(speed),
      percent(speed * yardstick.flops.causal / yardstick.peak),
      percent(speed * yardstick.flops.full / yardstick.peak),
      percent(totals.waited / totals.seconds));
  return table;
}

}  // namespace tutti::train
