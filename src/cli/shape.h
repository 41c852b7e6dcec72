// What a collective of so many bytes is: counts, buffers, where input and output lie, bandwidth.

#pragma once

#include <cstddef>

#include "tutti/tutti.h"

namespace tutti::cli {

enum class Placement { kOutOfPlace, kInPlace };

/// One measurement's call, apart from its buffers.
struct Problem {
  Collective collective = Collective::kAllReduce;
  DataType type = DataType::kFloat32;
  Reduction op = Reduction::kSum;
  int root = 0;
  int ranks = 1;
  std::size_t count = 0;  // elements, as the call takes them: c in tutti.h

  bool operator==(const Problem&) const = default;
};

/// The count for a buffer of `bytes`: of the whole (n*c) for collectives that divide or gather it.
/// Rounded down to whole elements, but at least one when bytes > 0.
std::size_t count_for(Collective collective, DataType type, int ranks, std::size_t bytes);

bool has_reduction(Collective collective);
bool has_root(Collective collective);
/// send_recv and barrier have no in-place form.
bool has_in_place(Collective collective);

/// Elements that a rank's buffers hold (also where only root's are used).
std::size_t input_elements(const Problem& problem);
std::size_t output_elements(const Problem& problem);

/// S of nccl-tests: the larger of the two buffers.
std::size_t size_in_bytes(const Problem& problem);

/// Elements from the start of the common buffer to the input and to the output, in place.
std::size_t in_place_input(const Problem& problem, int rank);
std::size_t in_place_output(const Problem& problem, int rank);

/// GB/s: algbw = S / time; busbw = algbw times nccl-tests' factor.
double algbw(const Problem& problem, double time_us);
double busbw(const Problem& problem, double time_us);

}  // namespace tutti::cli
