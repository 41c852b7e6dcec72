#include "cli/plan_measure.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/launcher.h"
#include "cli/run_program.h"
#include "cli/topo_picture.h"
#include "tutti/tuning.h"

namespace tutti::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using planner::LayerRun;
using planner::Layout;
using planner::Mixer;

constexpr int kSteps = 4;  // the first makes what the others use again
constexpr std::chrono::minutes kPatience{10};

// Gone with everything in it when this is.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "tutti-plan-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// ---- what tutti-train reads

// Letters that are not all alike, enough for a batch and for the share that validates.
std::string corpus(const planner::Job& job) {
  std::string text(static_cast<std::size_t>(std::max(2 * job.batch_tokens, 64 * job.sequence)),
                   ' ');
  unsigned state = 1;
  for (char& letter : text) {
    state = state * 1664525u + 1013904223u;
    letter = static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

Json llama(const planner::ModelShape& model, const LayerRun& run) {
  return {{"architectures", {"LlamaForCausalLM"}}, {"model_type", "llama"},
          {"intermediate_size", run.mlp_width},    {"num_attention_heads", run.heads},
          {"num_key_value_heads", run.kv_heads},   {"head_dim", run.head_width},
          {"tie_word_embeddings", model.tied}};
}

Json mamba1(const planner::ModelShape& model, const LayerRun& run) {
  return {{"architectures", {"MambaForCausalLM"}},
          {"model_type", "mamba"},
          {"expand", run.inner / model.width},
          {"intermediate_size", run.inner},
          {"state_size", run.state},
          {"conv_kernel", run.conv},
          {"time_step_rank", run.dt_rank},
          {"tie_word_embeddings", model.tied}};
}

Json mamba2(const planner::ModelShape& model, const LayerRun& run) {
  return {{"architectures", {"Mamba2ForCausalLM"}},
          {"model_type", "mamba2"},
          {"expand", run.inner / model.width},
          {"num_heads", run.heads},
          {"head_dim", run.head_width},
          {"state_size", run.state},
          {"n_groups", run.groups},
          {"conv_kernel", run.conv},
          {"chunk_size", run.chunk},
          {"tie_word_embeddings", model.tied}};
}

Json config_of_layers(const planner::ModelShape& model, const LayerRun& run) {
  switch (run.mixer) {
    case Mixer::kAttention:
      return llama(model, run);
    case Mixer::kMamba1:
      return mamba1(model, run);
    case Mixer::kMamba2:
      return mamba2(model, run);
  }
  return {};
}

// The folder that has the model: that of the user, or one made from the preset.
Result<std::string> model_folder(const PlanOptions& options, const planner::ModelShape& model,
                                 const fs::path& scratch) {
  const fs::path given = options.model;
  if (fs::is_directory(given)) return given.string();
  if (given.filename() == "config.json") return fs::absolute(given).parent_path().string();
  const auto config = config_of(model);
  if (!config.ok()) return config.status();
  const Status status = write_file("--measure", (scratch / "config.json").string(), *config);
  if (!status.ok()) return status;
  return scratch.string();
}

// ---- running it

Result<std::vector<std::string>> launcher_line(int ranks) {
  const fs::path trainer = fs::read_symlink("/proc/self/exe").parent_path() / "tutti-train";
  if (!fs::exists(trainer)) {
    return Status(Code::kNotSupported,
                  fmt::format("--measure: expected {}, which trains; builds without OpenBLAS have "
                              "none",
                              trainer.string()));
  }
  std::vector<std::string> line = {"mpirun",          "-n",        std::to_string(ranks),
                                   "--oversubscribe", "--bind-to", "none"};
  if (geteuid() == 0) line.emplace_back("--allow-run-as-root");
  line.push_back(trainer.string());
  return line;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Result<MeasuredPlan> read_steps(const fs::path& log, const planner::Plan& plan) {
  std::ifstream lines(log);
  MeasuredPlan measured{.plan = plan};
  std::vector<double> seconds;
  std::vector<double> joules;
  for (std::string line; std::getline(lines, line);) {
    const Json step = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!step.is_object() || step.value("step", 0) < 2) continue;
    seconds.push_back(step.value("seconds", 0.0));
    measured.memory = std::max(measured.memory, step.value("memory_bytes", 0.0));
    if (step.contains("joules_per_token")) joules.push_back(step.value("joules_per_token", 0.0));
  }
  if (seconds.empty()) {
    return Status(Code::kSystem, fmt::format("--measure: {} has no steps", log.string()));
  }
  measured.seconds = median(seconds);
  if (!joules.empty()) measured.joules_per_token = median(joules);
  return measured;
}

bool is_mamba(const planner::ModelShape& model) {
  return std::any_of(model.runs.begin(), model.runs.end(),
                     [](const LayerRun& run) { return run.mixer != Mixer::kAttention; });
}

Result<MeasuredPlan> measure(const planner::Problem& problem, const planner::Plan& plan,
                             const std::string& model, const fs::path& scratch) {
  auto line = launcher_line(plan.layout.ranks());
  if (!line.ok()) return line.status();
  const std::string out = (scratch / "out").string();
  for (const std::string& word :
       {std::string(is_mamba(problem.model) ? "mamba" : "llama"), std::string("--model"), model,
        std::string("--data"), (scratch / "corpus.txt").string(), std::string("--out"), out}) {
    line->push_back(word);
  }
  for (std::string& word : training_line(problem.job, plan.layout)) line->push_back(word);
  const auto said = run_program(*line, "", kPatience);
  if (!said.ok()) {
    return Status(said.status().code(),
                  fmt::format("--measure: {}: {}", to_text(plan.layout), said.status().message()));
  }
  return read_steps(fs::path(out) / "steps.jsonl", plan);
}

Status check(const PlanOptions& options, const planner::Problem& problem) {
  const auto wrong = [](const char* what) {
    return Status(Code::kInvalidArgument, std::string("--measure: expected ") + what);
  };
  if (options.machine != "this" || problem.machine.nodes != 1) {
    return wrong("--machine this and one node, for layouts are run here");
  }
  if (problem.job.optimizer != planner::Optimizer::kAdamW) {
    return wrong("--optimizer adamw, which is what tutti-train has");
  }
  if (find_launcher().kind != LauncherKind::kNone) {
    return wrong("no launcher: it starts mpirun itself");
  }
  return {};
}

// ---- what it says of the machine

double& peak_of(planner::Problem& problem) {
  planner::MachineShape& machine = problem.machine;
  return problem.job.precision == planner::Precision::kBf16 ? machine.peak_bf16 : machine.peak_fp32;
}

// Of predicted by measured steps.
double median_ratio(const planner::Problem& problem, const std::vector<MeasuredPlan>& measured) {
  std::vector<double> ratios;
  for (const MeasuredPlan& one : measured) {
    const auto found = estimate(problem, one.plan.layout);
    if (found.ok()) ratios.push_back(found->times.step() / one.seconds);
  }
  return ratios.empty() ? 1 : median(ratios);
}

std::string kept_path() {
  const std::string calibration = calibration_path();
  return calibration.empty() ? "" : calibration + ".plan";
}

std::string peak_name(planner::Precision precision) {
  return fmt::format("core_peak_{}", name(precision));
}

Json read_kept() {
  std::ifstream file(kept_path());
  const Json kept = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  return kept.is_object() ? kept : Json::object();
}

Status keep(const planner::Problem& problem, double peak) {
  const planner::MachineShape& machine = problem.machine;
  const std::string path = kept_path();
  if (path.empty()) return {};
  Json kept = read_kept();
  const double ranks_of_core = static_cast<double>(machine.devices) / machine.cores;
  kept[peak_name(problem.job.precision)] = peak * std::max(1.0, ranks_of_core);
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  return write_file("--measure", path, kept.dump(2) + "\n");
}

}  // namespace

std::vector<std::string> training_line(const planner::Job& job, const Layout& layout) {
  std::string order;
  for (const planner::Dimension dimension : layout.order) {
    order += fmt::format("{}{}", order.empty() ? "" : ",", name(dimension));
  }
  const auto text = [](auto value) { return fmt::format("{}", value); };
  return {"--mesh",
          fmt::format("dp={},pp={},cp={},tp={}", layout.dp, layout.pp, layout.cp, layout.tp),
          "--order",
          order,
          "--batch",
          text(job.sequences()),
          "--sequence",
          text(job.sequence),
          "--precision",
          text(name(job.precision)),
          "--micro-batch",
          text(layout.micro_batch),
          "--zero",
          text(layout.zero),
          "--recompute",
          text(name(layout.recomputation)),
          "--sequence-parallel",
          text(layout.sequence_parallel),
          "--pipeline",
          text(name(layout.pipeline)),
          "--chunks",
          text(layout.chunks),
          "--steps",
          text(kSteps),
          "--peak",
          "100"};  // so that it measures none
}

Result<std::string> config_of(const planner::ModelShape& model) {
  const bool has_mlp = model.runs[0].mlp_width > 0;
  const bool attends = model.runs[0].mixer == Mixer::kAttention;
  if (model.runs.size() != 1 || has_mlp != attends) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--measure: {} has layers of several kinds: expected its config.json",
                              model.name));
  }
  Json config = config_of_layers(model, model.runs[0]);
  config["vocab_size"] = model.vocabulary;
  config["hidden_size"] = model.width;
  config["num_hidden_layers"] = model.layers();
  return config.dump(2) + "\n";
}

// Steps become shorter with a higher peak, so that halving finds it, in powers of two.
double fitted_peak(const planner::Problem& problem, const std::vector<MeasuredPlan>& measured) {
  planner::Problem tried = problem;
  double& peak = peak_of(tried);
  const double start = peak;
  double low = -20, high = 20;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    peak = start * std::exp2(middle);
    (median_ratio(tried, measured) > 1 ? low : high) = middle;
  }
  return start * std::exp2((low + high) / 2);
}

double kept_peak(planner::Precision precision) {
  const Json kept = read_kept();
  const auto found = kept.find(peak_name(precision));
  return found != kept.end() && found->is_number() ? found->get<double>() : 0;
}

Status measure_plans(const PlanOptions& options, PlanAnswer& answer) {
  if (const Status status = check(options, answer.problem); !status.ok()) return status;
  const TemporaryFolder scratch;
  const auto model = model_folder(options, answer.problem.model, scratch.path());
  if (!model.ok()) return model.status();
  const Status status =
      write_file("--measure", (scratch.path() / "corpus.txt").string(), corpus(answer.problem.job));
  if (!status.ok()) return status;
  const std::vector<planner::Plan>& best = answer.ranking.best;
  const std::size_t count = std::min<std::size_t>(options.measure, best.size());
  for (std::size_t i = 0; i < count; ++i) {
    auto one = measure(answer.problem, best[i], *model, scratch.path());
    if (!one.ok()) return one.status();
    answer.measured.push_back(std::move(*one));
  }
  answer.fitted_peak = fitted_peak(answer.problem, answer.measured);
  return keep(answer.problem, answer.fitted_peak);
}

}  // namespace tutti::cli
