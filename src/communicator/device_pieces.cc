#include "communicator/device_pieces.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "communicator/shape.h"
#include "communicator/validate.h"

namespace tutti {
namespace {

// Pieces begin at cache lines where there are as many elements.
constexpr std::size_t kLine = 64;

std::size_t sum(const std::vector<std::size_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

std::vector<std::size_t> equal_parts(std::size_t count, std::size_t part) {
  return std::vector<std::size_t>(part == 0 ? 0 : count / part, part);
}

}  // namespace

Cutting::Cutting(const StagedCall& staged, int rank, int ranks, std::size_t room)
    : call_(staged.call), output_stride_(staged.output_stride) {
  const Call& call = staged.call;
  const Shape shape = shape_of(call, rank, ranks);
  element_ = size_of(shape.type);
  whole_ = shape.part;
  const bool reads = reads_input(call, rank), writes = writes_output(call, rank, ranks);
  if (call.variable && call.collective == Collective::kAllGather) {
    shared_.assign(call.receive_counts.begin(), call.receive_counts.end());
    input_ = {call.input.count};
    output_ = shared_;
  } else if (call.variable && call.collective == Collective::kReduceScatter) {
    shared_.assign(call.send_counts.begin(), call.send_counts.end());
    input_ = shared_;
    output_ = {call.output.count};
  } else {
    if (reads) input_ = equal_parts(call.input.count, shape.part);
    if (writes) output_ = equal_parts(call.output.count, shape.part);
  }
  call_.send_counts = call_.receive_counts = {};

  const std::size_t parts = has_part_per_rank(call.collective) ? ranks : 1;
  step_ = room / parts / element_;
  TUTTI_CHECK(step_ > 0, "%zu bytes of staging for %d ranks", room, ranks);
  if (const std::size_t line = kLine / element_; step_ > line) step_ -= step_ % line;
  pieces_ = std::max<std::size_t>(1, (shape.longest + step_ - 1) / step_);
}

Cutting::Counts Cutting::lengths(const Counts& parts, std::size_t first) const {
  Counts lengths;
  for (const std::size_t part : parts) {
    lengths.push_back(std::min(step_, part - std::min(part, first)));
  }
  return lengths;
}

std::vector<Stretch> Cutting::stretches(const Counts& parts, std::size_t stride,
                                        std::size_t first) const {
  std::vector<Stretch> stretches;
  std::size_t begin = 0;
  for (const std::size_t part : parts) {
    const Stretch next{(begin + std::min(part, first)) * element_,
                       std::min(step_, part - std::min(part, first)) * element_};
    begin += stride == 0 ? part : stride;
    if (next.bytes == 0) continue;
    const bool adjoins =
        !stretches.empty() && stretches.back().at + stretches.back().bytes == next.at;
    if (adjoins) {
      stretches.back().bytes += next.bytes;
    } else {
      stretches.push_back(next);
    }
  }
  return stretches;
}

Piece Cutting::piece(std::size_t number) const {
  const std::size_t first = number * step_;
  return {.input = stretches(input_, 0, first),
          .output = stretches(output_, output_stride_, first),
          .counts = lengths(shared_, first),
          .input_elements = sum(lengths(input_, first)),
          .output_elements = sum(lengths(output_, first))};
}

Call Cutting::call_of(const Piece& piece, std::byte* input, std::byte* output) const {
  Call call = call_;
  call.input = {input, piece.input_elements, call.input.type};
  call.output = {output, piece.output_elements, call.output.type};
  if (call.variable && call.collective == Collective::kAllGather)
    call.receive_counts = piece.counts;
  if (call.variable && call.collective == Collective::kReduceScatter) {
    call.send_counts = piece.counts;
  }
  return call;
}

}  // namespace tutti
