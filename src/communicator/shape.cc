// Tested by communicator_test.cc.

#include "communicator/shape.h"

#include <algorithm>
#include <bit>

#include "communicator/validate.h"
#include "schedule/schedule.h"
#include "transports/transport.h"

namespace tutti {
namespace {

std::size_t agreed_count(const Call& call, int rank, int ranks) {
  switch (call.collective) {
    case Collective::kBarrier:
      return 0;
    case Collective::kAllReduce:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return call.input.count;
    case Collective::kAllGather:
      return call.variable ? call.output.count : call.input.count;
    case Collective::kReduceScatter:
      return call.variable ? call.input.count : call.output.count;
    case Collective::kBroadcast:
    case Collective::kScatter:
      return call.output.count;
    case Collective::kAllToAll:
      return call.variable ? 0 : call.input.count / ranks;
    case Collective::kSendRecv:
      return reads_input(call, rank) ? call.input.count : call.output.count;
  }
  return 0;
}

// The counts of a _v call that all ranks give alike.
std::span<const std::size_t> shared_counts(const Call& call) {
  if (call.collective == Collective::kAllGather) return call.receive_counts;
  if (call.collective == Collective::kReduceScatter) return call.send_counts;
  return {};
}

std::uint64_t detail_of(const Call& call, bool in_place) {
  if (call.variable) return digest(shared_counts(call));
  if (reduces(call.collective) && call.op.reduction == Reduction::kPreMulSum) {
    return std::bit_cast<std::uint64_t>(call.op.scale);
  }
  if (reduces(call.collective) && call.op.reduction == Reduction::kUser) {
    return call.op.element_bytes.value_or(0);
  }
  // In place, other algorithms run: ranks must agree. Elsewhere it makes no difference.
  return call.collective == Collective::kAllToAll && in_place;
}

}  // namespace

bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduceScatter ||
         collective == Collective::kReduce || is_scan(collective);
}

bool has_root(Collective collective) {
  return collective == Collective::kBroadcast || collective == Collective::kReduce ||
         collective == Collective::kGather || collective == Collective::kScatter;
}

int root_of(const Call& call, int ranks) {
  if (is_scan(call.collective)) return call.direction == Direction::kReverse ? ranks - 1 : 0;
  return has_root(call.collective) ? call.root : 0;
}

bool has_part_per_rank(Collective collective) {
  return collective == Collective::kAllGather || collective == Collective::kReduceScatter ||
         collective == Collective::kAllToAll || collective == Collective::kGather ||
         collective == Collective::kScatter;
}

Shape shape_of(const Call& call, int rank, int ranks) {
  Shape shape;
  shape.type = reads_input(call, rank) ? call.input.type : call.output.type;
  if (call.collective == Collective::kBarrier) shape.type = DataType::kUint8;
  shape.in_place = is_in_place(call, rank, ranks);
  shape.element = size_of(shape.type);
  shape.part = agreed_count(call, rank, ranks);
  if (is_scan(call.collective) && call.op.element_bytes) {
    shape.part = shape.part * shape.element / *call.op.element_bytes;
    shape.element = *call.op.element_bytes;
  }
  shape.longest = shape.part;
  std::size_t all = has_part_per_rank(call.collective) ? shape.part * ranks : shape.part;
  if (call.variable) {
    const std::span<const std::size_t> counts = shared_counts(call);
    shape.longest = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
    all = shape.part;
  }
  shape.bytes = all * shape.element;
  const Reduction reduction = reduces(call.collective) ? call.op.reduction : Reduction::kSum;
  shape.signature = {
      pack({call.collective, shape.type, reduction, call.variable, root_of(call, ranks)}),
      shape.part, detail_of(call, shape.in_place)};
  return shape;
}

std::size_t piece_of(const Shape& shape, int chunks) {
  const std::size_t piece = (shape.longest + chunks - 1) / chunks;
  if (chunks == 1 || piece * shape.element <= kInlineBytes) return piece;
  const std::size_t line = std::max<std::size_t>(kLineBytes / shape.element, 1);
  return (piece + line - 1) / line * line;
}

Extents input_extents(const Call& call, const Shape& shape, int chunks) {
  if (!call.variable) return Extents::uniform(shape.part, piece_of(shape, chunks), chunks);
  if (call.collective == Collective::kAllGather) return Extents::of_rank(call.receive_counts);
  return Extents::packed(call.send_counts);
}

Extents output_extents(const Call& call, const Shape& shape, int chunks) {
  if (!call.variable) return Extents::uniform(shape.part, piece_of(shape, chunks), chunks);
  if (call.collective == Collective::kReduceScatter) return Extents::of_rank(call.send_counts);
  return Extents::packed(call.receive_counts);
}

}  // namespace tutti
