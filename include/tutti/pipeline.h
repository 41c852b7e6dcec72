// Pipelines: the order in which ranks of a pipeline compute micro-batches, as data; what is wrong
// with an order, found before anything runs; and how long it takes on paper. Trainers execute it.
//
// A rank has `chunks` stages of the model, so that stage c * ranks + rank is its chunk c
// (interleaved; one chunk otherwise).
//
//   gpipe         all forward, then all backward                 Huang et al., 2019
//   1f1b          backward as soon as can be, few in flight      Narayanan et al., 2019
//   interleaved   the same with several chunks a rank            Narayanan et al., 2021
//   zero_bubble   gradients of weights fill the gaps (ZB-H1)     Qi et al., 2024
//
// Tested by pipeline_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tutti/api.h"
#include "tutti/status.h"

namespace tutti {

enum class PipelineKind { kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble };
TUTTI_API std::string_view name(PipelineKind kind);

enum class PipelineWork { kForward, kBackward, kWeights };

struct PipelineTask {
  PipelineWork work = PipelineWork::kForward;
  int chunk = 0;
  int micro_batch = 0;

  bool operator==(const PipelineTask&) const = default;
};

struct PipelineSchedule {
  int ranks = 1;
  int chunks = 1;
  int micro_batches = 1;
  bool splits_backward = false;  // kBackward leaves gradients of weights to kWeights
  std::vector<std::vector<PipelineTask>> tasks;  // of each rank, in order

  int stages() const { return ranks * chunks; }
  int stage(int rank, int chunk) const { return chunk * ranks + rank; }

  bool operator==(const PipelineSchedule&) const = default;
};

/// kInvalidArgument says what would fit (interleaved: micro-batches in multiples of ranks).
TUTTI_API Result<PipelineSchedule> make_pipeline(PipelineKind kind, int ranks, int chunks,
                                                 int micro_batches);

/// Forward passes alone, for losses without learning; as interleaved where there are chunks.
TUTTI_API PipelineSchedule make_forward_only(int ranks, int chunks, int micro_batches);

/// "" or a sentence: a task that is missing or done twice, a backward before its forward, ranks
/// that wait for each other for ever.
TUTTI_API std::string check(const PipelineSchedule& schedule);

/// Seconds of a task of each kind in each stage, and of handing on. Where a schedule does not split
/// the backward pass, it takes the seconds of both parts.
struct StageTimes {
  std::vector<double> forward = {}, backward = {}, weights = {};  // by stage
  double hand_on = 0;
};
struct PipelineTimes {
  double total = 0;
  std::vector<double> busy;         // by rank
  std::vector<int> most_in_flight;  // by rank: micro-batches kept at once, over all chunks
};
/// REQUIRES: check(schedule) == "".
TUTTI_API PipelineTimes time_of(const PipelineSchedule& schedule, const StageTimes& times);

/// A line a rank: "F0 F1 B0 F2 B1 …", chunks as "F0.1".
TUTTI_API std::string to_text(const PipelineSchedule& schedule);

}  // namespace tutti
