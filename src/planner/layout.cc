// Layouts: as text, and whether they divide what they lay out. Tested by planner_layout_test.cc.

#include <algorithm>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

std::string part(const char* name, const std::string& value) {
  return std::string(" ") + name + "=" + value;
}
std::string part(const char* name, int value, int usual) {
  return value == usual ? "" : part(name, std::to_string(value));
}

std::string order_text(const Layout& layout) {
  std::string text;
  for (const Dimension dimension : layout.order) {
    text.append(text.empty() ? "" : ",").append(name(dimension));
  }
  return text;
}

// Collects the first sentence of what does not divide.
class Doubts {
 public:
  void share(const char* who, int parts, const char* what, long whole) {
    if (whole % parts == 0) return;
    say(who, parts, "a divisor of " + std::string(what) + ", " + std::to_string(whole));
  }
  void within(const char* who, long value, long least, long most) {
    if (value >= least && value <= most) return;
    say(who, value, std::to_string(least) + " to " + std::to_string(most));
  }
  void say(const char* who, long value, const std::string& expected) {
    say(std::string(who) + " is " + std::to_string(value) + ": expected " + expected);
  }
  void say(std::string sentence) {
    if (first_.empty()) first_ = std::move(sentence);
  }
  Status status() const {
    return first_.empty() ? Status() : Status(Code::kInvalidArgument, first_);
  }

 private:
  std::string first_;
};

void check_tensor(const ModelShape& model, const Layout& layout, Doubts& doubts) {
  for (const LayerRun& run : model.runs) {
    if (run.heads > 0) doubts.share("tp", layout.tp, "heads", run.heads);
    if (run.kv_heads > 0) doubts.share("tp", layout.tp, "heads of keys", run.kv_heads);
    if (run.mlp_width > 0) doubts.share("tp", layout.tp, "the width of the MLP", run.mlp_width);
    if (run.inner > 0) doubts.share("tp", layout.tp, "the inner width", run.inner);
    if (run.groups % layout.tp != 0 && layout.tp % std::max(1L, run.groups) != 0) {
      doubts.say("tp", layout.tp,
                 "a divisor or a multiple of the groups, " + std::to_string(run.groups));
    }
  }
}

void check_tokens(const Job& job, const Layout& layout, Doubts& doubts) {
  // Each context parallel rank has a piece of the first half and one of the second: causal
  // attention then is the same work for all.
  if (layout.cp > 1) doubts.share("2 cp", 2 * layout.cp, "the sequence", job.sequence);
  const long sequences = static_cast<long>(layout.dp) * layout.micro_batch;
  doubts.share("dp x micro_batch", static_cast<int>(sequences), "the sequences of a step",
               job.sequences());
  if (!layout.sequence_parallel || layout.tp == 1) return;
  doubts.share("tp", layout.tp, "the tokens of a micro-batch",
               layout.micro_batch * job.sequence / layout.cp);
}

void check_pipeline(const Problem& problem, const Layout& layout, Doubts& doubts) {
  const int stages = layout.pp * layout.chunks;
  const bool even = problem.job.trainer.split == StageSplit::kEven;
  if (even && stages > problem.model.layers()) {
    doubts.say("pp x chunks", stages,
               "at most the layers, " + std::to_string(problem.model.layers()));
  }
  if (layout.pp == 1 && layout.pipeline != PipelineKind::kOneForwardOneBackward) {
    doubts.say("pipeline is " + std::string(name(layout.pipeline)) + ": expected 1f1b, as pp is 1");
  }
  const long m = problem.job.sequences() / (static_cast<long>(layout.dp) * layout.micro_batch);
  const auto schedule = make_pipeline(layout.pipeline, layout.pp, layout.chunks, 1);
  if (layout.pipeline == PipelineKind::kInterleaved) {
    doubts.within("chunks", layout.chunks, 2, problem.model.layers());
    if (layout.pp > 0 && m % layout.pp != 0) {
      doubts.say("micro-batches", m,
                 "a multiple of pp, " + std::to_string(layout.pp) + ", for interleaved");
    }
  } else if (!schedule.ok()) {
    doubts.say(schedule.status().message());
  }
}

}  // namespace

std::string_view name(Dimension dimension) {
  switch (dimension) {
    case Dimension::kData:
      return "dp";
    case Dimension::kPipeline:
      return "pp";
    case Dimension::kContext:
      return "cp";
    case Dimension::kTensor:
      return "tp";
  }
  return "";
}

std::string_view name(Recomputation recomputation) {
  switch (recomputation) {
    case Recomputation::kNone:
      return "none";
    case Recomputation::kSelective:
      return "selective";
    case Recomputation::kFull:
      return "full";
  }
  return "";
}

std::string_view name(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : "bf16";
}
std::string_view name(Optimizer optimizer) {
  return optimizer == Optimizer::kSgd ? "sgd" : "adamw";
}

std::string_view name(Goal goal) {
  switch (goal) {
    case Goal::kTime:
      return "time";
    case Goal::kEnergy:
      return "energy";
    case Goal::kMemory:
      return "memory";
  }
  return "";
}

std::string to_text(const Layout& layout) {
  const Layout usual;
  std::string text = "dp=" + std::to_string(layout.dp);
  text += part("pp", layout.pp, 1) + part("cp", layout.cp, 1) + part("tp", layout.tp, 1);
  text += part("micro_batch", std::to_string(layout.micro_batch));
  text += part("zero", std::to_string(layout.zero));
  if (layout.recomputation != usual.recomputation) {
    text += part("recompute", std::string(name(layout.recomputation)));
  }
  if (layout.tp > 1 && !layout.sequence_parallel) text += part("sequence_parallel", "no");
  if (layout.pipeline != usual.pipeline)
    text += part("pipeline", std::string(name(layout.pipeline)));
  text += part("chunks", layout.chunks, 1);
  if (layout.order != usual.order) text += part("order", order_text(layout));
  return text;
}

std::string label(const Layout& layout) {
  std::string text;
  for (const int size : {layout.dp, layout.pp, layout.tp, layout.cp}) {
    text.append(text.empty() ? "(" : ", ").append(std::to_string(size));
  }
  return text.append(")");
}

Status divides(const Problem& problem, const Layout& layout) {
  Doubts doubts;
  for (const auto& [who, value] : {std::pair{"dp", layout.dp},
                                   {"pp", layout.pp},
                                   {"cp", layout.cp},
                                   {"tp", layout.tp},
                                   {"micro_batch", layout.micro_batch},
                                   {"chunks", layout.chunks}}) {
    if (value < 1) doubts.say(who, value, "at least 1");
  }
  doubts.within("zero", layout.zero, 0, 3);
  if (layout.ranks() != problem.machine.ranks()) {
    doubts.say("dp x pp x cp x tp", layout.ranks(),
               "the devices of the machine, " + std::to_string(problem.machine.ranks()));
  }
  if (const Status status = doubts.status(); !status.ok()) return status;
  check_tensor(problem.model, layout, doubts);
  check_tokens(problem.job, layout, doubts);
  check_pipeline(problem, layout, doubts);
  return doubts.status();
}

}  // namespace tutti::planner
