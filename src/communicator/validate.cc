// Tested by bad_input_test.cc.

#include "communicator/validate.h"

#include <cstdint>
#include <numeric>
#include <string>

#include "communicator/shape.h"
#include "schedule/schedule.h"

namespace tutti {
namespace {

// Beyond this no arithmetic on bytes is promised.
constexpr std::size_t kMostBytes = std::size_t{1} << 40;

std::string of(const Call& call) {
  return std::string(name(call.collective)) + (call.variable ? "_v" : "") + ": ";
}

Status invalid(const Call& call, const std::string& text) {
  return {Code::kInvalidArgument, of(call) + text};
}

std::string elements(std::size_t count) { return std::to_string(count) + " elements"; }

// How many parts a buffer has, for collectives without counts per rank.
int input_parts(const Call& call, int ranks) {
  const bool many = call.collective == Collective::kReduceScatter ||
                    call.collective == Collective::kAllToAll ||
                    call.collective == Collective::kScatter;
  return many ? ranks : 1;
}

int output_parts(const Call& call, int ranks) {
  const bool many = call.collective == Collective::kAllGather ||
                    call.collective == Collective::kAllToAll ||
                    call.collective == Collective::kGather;
  return many ? ranks : 1;
}

Status check_memory(const Call& call, const char* which, const void* data, std::size_t count,
                    DataType type) {
  if (static_cast<int>(type) >= kDataTypes) {
    return invalid(call, "unknown data type " + std::to_string(static_cast<int>(type)) +
                             ": expected 0 to " + std::to_string(kDataTypes - 1));
  }
  if (count > kMostBytes / size_of(type)) {
    return invalid(call,
                   std::string(which) + " has " + elements(count) +
                       ": expected at most 2^40 bytes (a negative number given as unsigned?)");
  }
  if (data == nullptr && count != 0) {
    return invalid(call, std::string(which) + " is null: expected memory for " + elements(count));
  }
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(type) != 0) {
    return invalid(call, std::string(which) +
                             " is not aligned to its type: expected a multiple of " +
                             std::to_string(size_of(type)) + " bytes");
  }
  return {};
}

Status check_counts(const Call& call, const char* which, std::span<const std::size_t> counts,
                    std::size_t total, int ranks) {
  if (counts.size() != static_cast<std::size_t>(ranks)) {
    return invalid(call, std::string(which) + " has " + std::to_string(counts.size()) +
                             " counts: expected one per rank, " + std::to_string(ranks));
  }
  std::size_t sum = 0;
  for (std::size_t count : counts) {
    if (count > kMostBytes) {
      return invalid(
          call, std::string(which) + " holds " + std::to_string(count) + ": expected at most 2^40");
    }
    sum += count;
  }
  if (sum != total) {
    return invalid(call, std::string(which) + " sums to " + std::to_string(sum) +
                             ": expected the " + elements(total) + " of its buffer");
  }
  return {};
}

Status check_variable(const Call& call, int rank, int ranks) {
  switch (call.collective) {
    case Collective::kAllGather:
      if (Status s = check_counts(call, "counts", call.receive_counts, call.output.count, ranks);
          !s.ok()) {
        return s;
      }
      if (call.input.count == call.receive_counts[rank]) return {};
      return invalid(call, "input has " + elements(call.input.count) + ": expected counts[" +
                               std::to_string(rank) +
                               "] = " + std::to_string(call.receive_counts[rank]));
    case Collective::kReduceScatter:
      if (Status s = check_counts(call, "counts", call.send_counts, call.input.count, ranks);
          !s.ok()) {
        return s;
      }
      if (call.output.count == call.send_counts[rank]) return {};
      return invalid(call, "output has " + elements(call.output.count) + ": expected counts[" +
                               std::to_string(rank) +
                               "] = " + std::to_string(call.send_counts[rank]));
    case Collective::kAllToAll:
      if (Status s = check_counts(call, "send_counts", call.send_counts, call.input.count, ranks);
          !s.ok()) {
        return s;
      }
      return check_counts(call, "receive_counts", call.receive_counts, call.output.count, ranks);
    case Collective::kAllReduce:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScatter:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return invalid(call, "has no form with counts per rank");
}

// A buffer of n parts against one of a single part.
Status check_parts(const Call& call, int ranks) {
  const std::size_t in_parts = input_parts(call, ranks), out_parts = output_parts(call, ranks);
  if (call.input.count * out_parts == call.output.count * in_parts &&
      call.input.count % in_parts == 0) {
    return {};
  }
  if (call.input.count % in_parts != 0) {
    return invalid(call, "input has " + elements(call.input.count) + ": expected a multiple of " +
                             std::to_string(ranks) + " ranks");
  }
  return invalid(call, "output has " + elements(call.output.count) + ": expected " +
                           std::to_string(call.input.count / in_parts * out_parts) +
                           " for an input of " + std::to_string(call.input.count));
}

// Of an operation on elements that are not the buffers'.
Status check_elements(const Call& call) {
  const std::size_t element = *call.op.element_bytes, size = size_of(call.input.type);
  const std::string bytes = std::to_string(element) + " bytes";
  if (element == 0 || element > kMostBytes) {
    return invalid(call, "op has elements of " + bytes + ": expected 1 to 2^40");
  }
  if (element % size != 0) {
    return invalid(call, "op has elements of " + bytes + ": expected a multiple of the " +
                             std::to_string(size) + " of " + std::string(name(call.input.type)));
  }
  if (call.input.bytes() % element != 0) {
    return invalid(call, "input has " + std::to_string(call.input.bytes()) +
                             " bytes: expected a multiple of the " + std::to_string(element) +
                             " of an element of op");
  }
  return {};
}

Status check_scan_op(const Call& call) {
  if (call.op.reduction == Reduction::kAvg) {
    return invalid(call, "avg has no meaning for the first few ranks: expected another reduction");
  }
  if (call.direction != Direction::kForward && call.direction != Direction::kReverse) {
    return invalid(call, "unknown direction " + std::to_string(static_cast<int>(call.direction)) +
                             ": expected 0 or 1");
  }
  return call.op.element_bytes ? check_elements(call) : Status();
}

Status check_op(const Call& call) {
  const Reduction reduction = call.op.reduction;
  if (static_cast<int>(reduction) >= kReductions) {
    return invalid(call, "unknown reduction " + std::to_string(static_cast<int>(reduction)) +
                             ": expected 0 to " + std::to_string(kReductions - 1));
  }
  if (reduces(call.collective) && reduction == Reduction::kUser && call.op.function == nullptr) {
    return invalid(call, "op is the caller's and has no function: expected one");
  }
  if (is_scan(call.collective)) return check_scan_op(call);
  if (!call.op.element_bytes || !reduces(call.collective)) return {};
  return invalid(call, "op is ordered, on elements of " + std::to_string(*call.op.element_bytes) +
                           " bytes: expected it in scan and exclusive_scan only");
}

bool overlap(const Call& call) {
  const auto* in = static_cast<const std::byte*>(call.input.data);
  const auto* out = static_cast<const std::byte*>(call.output.data);
  return in != nullptr && out != nullptr && in < out + call.output.bytes() &&
         out < in + call.input.bytes();
}

Status check_root(const Call& call, int ranks) {
  const int rank = call.collective == Collective::kSendRecv ? call.peer : call.root;
  if (rank >= 0 && rank < ranks) return {};
  return invalid(call, std::string(call.collective == Collective::kSendRecv ? "peer " : "root ") +
                           std::to_string(rank) + ": expected 0 to " + std::to_string(ranks - 1));
}

}  // namespace

bool reads_input(const Call& call, int rank) {
  switch (call.collective) {
    case Collective::kBarrier:
      return false;
    case Collective::kBroadcast:
    case Collective::kScatter:
      return rank == call.root;
    case Collective::kSendRecv:
      return call.sends;
    case Collective::kAllReduce:
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kReduce:
    case Collective::kGather:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return true;
  }
  return false;
}

bool writes_output(const Call& call, int rank, int ranks) {
  switch (call.collective) {
    case Collective::kBarrier:
      return false;
    case Collective::kReduce:
    case Collective::kGather:
      return rank == call.root;
    case Collective::kSendRecv:
      return !reads_input(call, rank);
    case Collective::kAllReduce:
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kBroadcast:
    case Collective::kScatter:
    case Collective::kScan:
      return true;
    case Collective::kExclusiveScan:
      return rank != root_of(call, ranks);
  }
  return false;
}

std::ptrdiff_t in_place_distance(const Call& call, int rank, int ranks) {
  std::size_t input_shift = 0, output_shift = 0;  // elements from the start to this rank's part
  if (call.variable && call.collective == Collective::kAllGather) {
    output_shift = std::accumulate(call.receive_counts.begin(), call.receive_counts.begin() + rank,
                                   std::size_t{0});
  } else if (call.variable && call.collective == Collective::kReduceScatter) {
    input_shift =
        std::accumulate(call.send_counts.begin(), call.send_counts.begin() + rank, std::size_t{0});
  } else if (call.collective != Collective::kAllToAll) {
    if (input_parts(call, ranks) > 1) input_shift = call.input.count / ranks * rank;
    if (output_parts(call, ranks) > 1) output_shift = call.output.count / ranks * rank;
  }
  return (static_cast<std::ptrdiff_t>(input_shift) - static_cast<std::ptrdiff_t>(output_shift)) *
         static_cast<std::ptrdiff_t>(size_of(call.input.type));
}

bool is_in_place(const Call& call, int rank, int ranks) {
  if (!reads_input(call, rank) || !writes_output(call, rank, ranks) || call.input.data == nullptr) {
    return false;
  }
  const auto* in = static_cast<const std::byte*>(call.input.data);
  return in + in_place_distance(call, rank, ranks) == call.output.data;
}

Status validate(const Call& call, int rank, int ranks) {
  if (static_cast<int>(call.collective) >= kCollectives) {
    return {Code::kInvalidArgument,
            "unknown collective " + std::to_string(static_cast<int>(call.collective))};
  }
  if (Status s = check_root(call, ranks); !s.ok()) return s;
  const bool in = reads_input(call, rank), out = writes_output(call, rank, ranks);
  if (in) {
    if (Status s = check_memory(call, "input", call.input.data, call.input.count, call.input.type);
        !s.ok()) {
      return s;
    }
  }
  if (out) {
    if (Status s =
            check_memory(call, "output", call.output.data, call.output.count, call.output.type);
        !s.ok()) {
      return s;
    }
  }
  if (Status s = check_op(call); !s.ok()) return s;
  if (call.variable) {
    if (Status s = check_variable(call, rank, ranks); !s.ok()) return s;
  }
  if (!in || !out) return {};
  if (call.input.type != call.output.type) {
    return invalid(call, "input is " + std::string(name(call.input.type)) + " and output " +
                             std::string(name(call.output.type)) + ": expected the same type");
  }
  if (!call.variable) {
    if (Status s = check_parts(call, ranks); !s.ok()) return s;
  }
  const bool may_be_in_place = !(call.variable && call.collective == Collective::kAllToAll);
  if (overlap(call) && !(may_be_in_place && is_in_place(call, rank, ranks))) {
    return invalid(call, "input and output overlap: expected the same memory (in place) or apart");
  }
  return {};
}

Status check_on_host(const Call& call, int rank, int ranks, const DevicePointers& pointers) {
  const auto refuse = [&](const char* which) {
    return invalid(call, std::string(which) +
                             " is memory of a CUDA device: expected memory of the host; enqueue() "
                             "takes the device's");
  };
  if (reads_input(call, rank) && pointers.hold(call.input.data)) return refuse("input");
  if (writes_output(call, rank, ranks) && pointers.hold(call.output.data)) return refuse("output");
  return {};
}

}  // namespace tutti
