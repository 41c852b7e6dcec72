// Layouts for answering prompts: how long a prompt takes until its first token (prefill), how long
// each further token takes (decode), how many there are a second, and what memory it needs.
//
//   planner::InferenceProblem problem{*model, *machine, {.prompt = 2048, .answer = 256}};
//   auto ranking = planner::search(problem, planner::InferenceSettings{});
//
// Replicas (dp) serve requests of their own. In a replica, tensor parallel ranks share heads and
// columns, stages of a pipeline (pp) layers, and context parallel ranks (cp) the tokens of prompts
// and of the cache of keys and values. Mamba has no such cache but a state of fixed size, which all
// context parallel ranks have. Counted from the shape, as in tutti/planner.h; docs/plan.md says
// what is taken for granted.

#pragma once

#include "tutti/planner_advice.h"

namespace tutti::planner {

struct InferenceJob {
  long prompt = 2048;  // tokens
  long answer = 256;
  int requests = 0;                        // at once, on all replicas; 0: as many as are best
  Precision precision = Precision::kBf16;  // of weights and of the cache; states have four bytes
  double kernel = 3e-6;  // seconds from a short kernel to the next, from a recorded graph

  bool operator==(const InferenceJob&) const = default;
};

struct InferenceProblem {
  ModelShape model;
  MachineShape machine;
  InferenceJob job;
};

/// Of one token's, or of one prompt's, way through all stages.
struct PhaseTimes {
  double weights = 0;  // products: weights are read, or multiplied with
  double cache = 0;    // attention and scans: keys, values and states
  double kernels = 0;  // where they are so short that starting them takes longer
  double tensor = 0;   // communication of each dimension
  double context = 0;
  double pipeline = 0;

  double total() const { return weights + cache + kernels + tensor + context + pipeline; }
  bool operator==(const PhaseTimes&) const = default;
};
TUTTI_API std::vector<Part> parts(const PhaseTimes& times);

/// Bytes of the rank that needs most.
struct InferenceMemory {
  double parameters = 0;
  double cache = 0;  // of keys and values, and states, of all sequences in hand
  double buffers = 0;
  double headroom = 0;

  double total() const { return parameters + cache + buffers + headroom; }
  bool operator==(const InferenceMemory&) const = default;
};
TUTTI_API std::vector<Part> parts(const InferenceMemory& memory);

struct InferenceEstimate {
  PhaseTimes prefill;  // of one prompt, alone: until its first token
  PhaseTimes decode;   // of one token of every sequence in hand, half of the answers written
  InferenceMemory memory;
  bool fits = false;
  double prefill_tokens_per_second = 0;  // of all replicas, doing nothing else
  double decode_tokens_per_second = 0;
  double requests_per_second = 0;  // both in turn
  double tokens_per_second = 0;    // of answers, at that rate
  double joules_per_token = 0;     // of answers

  /// Of a request, from its start to its last token, when it does not wait.
  double latency(const InferenceJob& job) const {
    return prefill.total() + static_cast<double>(job.answer) * decode.total();
  }
  bool operator==(const InferenceEstimate&) const = default;
};

/// `layout`: of dp, pp, cp, tp, and micro_batch, which here is the sequences that a replica has in
/// hand. kInvalidArgument says what does not divide what.
TUTTI_API Result<InferenceEstimate> estimate(const InferenceProblem& problem, const Layout& layout);

enum class InferenceGoal { kThroughput, kLatency, kEnergy, kMemory };
TUTTI_API std::string_view name(InferenceGoal goal);  // "throughput", …

struct InferenceSettings {
  InferenceGoal goal = InferenceGoal::kThroughput;
  int keep = 10;
  Fixed fixed = {};  // of it dp, pp, cp and tp
};

struct InferencePlan {
  Layout layout;
  InferenceEstimate estimate;

  bool operator==(const InferencePlan&) const = default;
};

struct InferenceRanking {
  std::vector<InferencePlan> best;   // that fit, the best first
  std::vector<InferencePlan> front;  // no other has more tokens a second at less latency of a token
  std::vector<InferencePlan> smallest;  // one
  long layouts = 0;
  long too_large = 0;
};

/// All layouts, with 1, 2, 4, … sequences in hand, or job.requests / dp.
TUTTI_API Result<InferenceRanking> search(const InferenceProblem& problem,
                                          const InferenceSettings& settings);

/// Twice the network, twice the memory, twice the prompt.
struct InferenceWhatIf {
  std::string change;
  std::optional<InferencePlan> best = {};
};
TUTTI_API std::vector<InferenceWhatIf> what_ifs(const InferenceProblem& problem,
                                                const InferenceSettings& settings);

/// A change with which something fits: more nodes, more memory.
struct InferenceRemedy {
  std::string change;
  InferencePlan plan;
};
/// For problems of which nothing fits.
TUTTI_API std::vector<InferenceRemedy> remedies(const InferenceProblem& problem,
                                                const InferenceSettings& settings);

/// Tokens a second against latency of a token, as front_to_svg() of training.
TUTTI_API std::string front_to_svg(const InferenceProblem& problem,
                                   const InferenceRanking& ranking);
/// Where the time of a token goes, a bar a plan.
TUTTI_API std::string times_to_svg(const InferenceProblem& problem,
                                   const std::vector<InferencePlan>& plans);

}  // namespace tutti::planner
