// CLI11 splits the line into texts; what they mean is decided here, as in perf_options.cc.

#include "cli/plan_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/sizes.h"

namespace tutti::cli {
namespace {

using planner::Fixed;

constexpr int kMostNodes = 65'536;

struct Texts {
  std::string nodes, gpus;
  std::string batch = "1M", sequence = "4096", precision = "bf16", optimizer = "adamw";
  std::string dp, pp, cp, tp, micro_batch, zero, chunks, recompute, pipeline;
  std::string prompt = "2048", answer = "256", requests;
  std::string rank_by, measure, top = "10";
  std::vector<std::string> figures;
};

constexpr const char* kFooter =
    "\nFigures of the machine are changed by name, behind the options: memory=141 "
    "between.bandwidth=25.\nAll of them are printed, with their units.";

using Add = std::function<CLI::Option*(const char*, std::string&, const char*)>;

Add adder(CLI::App& app, const char* group) {
  return [&app, group](const char* flags, std::string& text, const char* help) {
    CLI::Option* const option = app.add_option(flags, text, help)->group(group);
    return text.empty() ? option : option->capture_default_str();
  };
}

void add_what(CLI::App& app, Texts& t, PlanOptions& o) {
  const Add add = adder(app, "What");
  add("--model", o.model, "a preset, a config.json, or a folder with one")->required();
  add("--batch-tokens", t.batch, "of a step, on all devices");
  add("--sequence", t.sequence, "tokens of a sequence");
  add("--precision", t.precision, "bf16 or fp32");
  add("--optimizer", t.optimizer, "adamw or sgd");
}

void add_where(CLI::App& app, Texts& t, PlanOptions& o) {
  const Add add = adder(app, "Where");
  add("--machine", o.machine, "a preset, this, or a file of tutti topo --xml")->required();
  add("--nodes", t.nodes, "how many of it");
  add("--gpus", t.gpus, "devices of a node");
  app.add_option("figure", t.figures, "name=value, of the machine")->group("Where");
}

void add_decisions(CLI::App& app, Texts& t) {
  const Add add = adder(app, "Decided beforehand");
  add("--dp", t.dp, "data parallel ranks");
  add("--pp", t.pp, "stages of the pipeline");
  add("--cp", t.cp, "context parallel ranks");
  add("--tp", t.tp, "tensor parallel ranks");
  add("--micro-batch", t.micro_batch, "sequences that a rank computes at a time");
  add("--zero", t.zero, "what is shared out: 0 nothing, 1 optimizer, 2 and gradients, 3 and all");
  add("--recompute", t.recompute, "none, selective or full");
  add("--pipeline", t.pipeline, "gpipe, 1f1b, interleaved or zero_bubble");
  add("--chunks", t.chunks, "of a rank's part of the model, with interleaved");
}

void add_inference(CLI::App& app, Texts& t, PlanOptions& o) {
  app.add_flag("--inference", o.inference, "answers instead of training")->group("Inference");
  const Add add = adder(app, "Inference");
  add("--prompt", t.prompt, "tokens of a prompt");
  add("--answer", t.answer, "tokens of an answer");
  add("--requests", t.requests, "at once, on all devices (default: all powers of two)");
}

void add_output(CLI::App& app, Texts& t, PlanOptions& o) {
  const Add add = adder(app, "Output");
  add("--rank-by", t.rank_by,
      "time, energy or memory; of inference throughput, latency, energy or memory");
  add("--top", t.top, "so many of the best");
  add("--measure", t.measure, "runs so many of the best for a few steps, on this machine");
  add("--json", o.json_file, "writes everything there; -: to standard output, and only that");
  add("--draw", o.front_file, "writes the front of MFU against memory there, as SVG");
  add("--draw-time", o.times_file, "writes where the time goes there, as SVG");
}

Status wrong(const std::string& option, const std::string& text, const std::string& expected) {
  return {Code::kInvalidArgument, fmt::format("{} {}: expected {}", option, text, expected)};
}

// One of the values that are given, by name; empty texts leave `to` as it is.
template <class Value, class To>
Status read_name(const char* option, const std::string& text, const std::vector<Value>& values,
                 To& to) {
  if (text.empty()) return {};
  std::vector<std::string> names;
  for (const Value value : values) {
    names.emplace_back(name(value));
    if (names.back() != text) continue;
    to = value;
    return {};
  }
  return wrong(option, text, fmt::format("one of {}", fmt::join(names, ", ")));
}

template <class To>
Status read_count(const char* option, const std::string& text, int least, int most, To& to) {
  if (text.empty()) return {};
  const auto value = parse_integer(option, text, least, most);
  if (value.ok()) to = static_cast<int>(*value);
  return value.status();
}

Status read_tokens(const char* option, const std::string& text, long& to) {
  const auto value = parse_bytes(option, text);
  if (!value.ok() || *value == 0) return wrong(option, text, "a number of tokens: 4096, 64K or 4M");
  to = static_cast<long>(*value);
  return {};
}

Status read_job(const Texts& t, PlanOptions& o) {
  planner::Job& job = o.job;
  if (Status status = read_tokens("--sequence", t.sequence, job.sequence); !status.ok()) {
    return status;
  }
  if (Status status = read_tokens("--batch-tokens", t.batch, job.batch_tokens); !status.ok()) {
    return status;
  }
  if (job.batch_tokens % job.sequence != 0 && !o.inference) {
    return wrong("--batch-tokens", t.batch,
                 fmt::format("a multiple of --sequence, {}", job.sequence));
  }
  using enum planner::Precision;
  using enum planner::Optimizer;
  Status status = read_name("--precision", t.precision, std::vector{kBf16, kFp32}, job.precision);
  if (!status.ok()) return status;
  o.inference_job.precision = job.precision;
  return read_name("--optimizer", t.optimizer, std::vector{kAdamW, kSgd}, job.optimizer);
}

Status read_machine(const Texts& t, PlanOptions& o) {
  o.figures = fmt::format("{}", fmt::join(t.figures, ","));
  Status status = read_count("--nodes", t.nodes, 1, kMostNodes, o.nodes);
  return status.ok() ? read_count("--gpus", t.gpus, 1, kMostNodes, o.gpus) : status;
}

Status read_decisions(const Texts& t, PlanOptions& o) {
  Fixed& fixed = o.search.fixed;
  struct Count {
    const char* option;
    const std::string& text;
    int least, most;
    std::optional<int>& to;
  };
  constexpr int kMost = 1 << 20;
  for (const Count& count : {Count{"--dp", t.dp, 1, kMost, fixed.dp},
                             {"--pp", t.pp, 1, kMost, fixed.pp},
                             {"--cp", t.cp, 1, kMost, fixed.cp},
                             {"--tp", t.tp, 1, kMost, fixed.tp},
                             {"--micro-batch", t.micro_batch, 1, kMost, fixed.micro_batch},
                             {"--zero", t.zero, 0, 3, fixed.zero},
                             {"--chunks", t.chunks, 1, kMost, fixed.chunks}}) {
    Status status = read_count(count.option, count.text, count.least, count.most, count.to);
    if (!status.ok()) return status;
  }
  using enum planner::Recomputation;
  using enum PipelineKind;
  Status status = read_name("--recompute", t.recompute, std::vector{kNone, kSelective, kFull},
                            fixed.recomputation);
  if (!status.ok()) return status;
  return read_name("--pipeline", t.pipeline,
                   std::vector{kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble},
                   fixed.pipeline);
}

// What only training has is refused, so that nothing is ignored in silence.
Status read_inference(const Texts& t, PlanOptions& o) {
  planner::InferenceJob& job = o.inference_job;
  Status status = read_tokens("--prompt", t.prompt, job.prompt);
  if (status.ok()) status = read_tokens("--answer", t.answer, job.answer);
  if (status.ok()) status = read_count("--requests", t.requests, 1, 1 << 30, job.requests);
  if (!status.ok()) return status;
  const Fixed& fixed = o.search.fixed;
  if (o.measure > 0)
    return {Code::kInvalidArgument, "--measure: expected only without --inference"};
  if (fixed.micro_batch || fixed.zero || fixed.chunks || fixed.recomputation || fixed.pipeline) {
    return {Code::kInvalidArgument,
            "--micro-batch, --zero, --recompute, --pipeline and --chunks: expected only without "
            "--inference"};
  }
  o.inference_search.fixed = fixed;
  return {};
}

Status read_goal(const Texts& t, PlanOptions& o) {
  Status status = read_count("--top", t.top, 1, 10'000, o.search.keep);
  if (status.ok()) status = read_count("--measure", t.measure, 1, 100, o.measure);
  o.inference_search.keep = o.search.keep;
  if (!status.ok()) return status;
  if (o.inference) {
    using enum planner::InferenceGoal;
    return read_name("--rank-by", t.rank_by, std::vector{kThroughput, kLatency, kEnergy, kMemory},
                     o.inference_search.goal);
  }
  using enum planner::Goal;
  return read_name("--rank-by", t.rank_by, std::vector{kTime, kEnergy, kMemory}, o.search.goal);
}

Status check_pictures(const PlanOptions& o) {
  for (const auto& [option, file] :
       {std::pair{"--draw", o.front_file}, {"--draw-time", o.times_file}}) {
    if (!file.empty() && !file.ends_with(".svg")) {
      return wrong(option, file, "a file that ends in .svg");
    }
  }
  return {};
}

Status read(const Texts& t, PlanOptions& o) {
  for (const auto part : {read_job, read_machine, read_decisions, read_goal}) {
    if (Status status = part(t, o); !status.ok()) return status;
  }
  if (o.inference) {
    if (Status status = read_inference(t, o); !status.ok()) return status;
  }
  return check_pictures(o);
}

}  // namespace

Result<PlanLine> parse_plan(std::vector<std::string> arguments) {
  CLI::App app(
      "The best layouts of a model's training on a machine: data (DP), pipeline (PP), tensor (TP)\n"
      "and context (CP) parallel ranks, what else there is to decide, what it would take, and why.",
      "tutti plan");
  app.footer(kFooter);
  Texts texts;
  PlanLine line;
  add_what(app, texts, line.options);
  add_where(app, texts, line.options);
  add_decisions(app, texts);
  add_inference(app, texts, line.options);
  add_output(app, texts, line.options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    line.help = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
  if (Status status = read(texts, line.options); !status.ok()) return status;
  return line;
}

}  // namespace tutti::cli
