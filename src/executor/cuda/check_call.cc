#include "executor/cuda/check_call.h"

#include <cstdint>
#include <string>

#include "executor/cpu/kernels.h"

namespace tutti::cuda {
namespace {

// Beyond this no arithmetic on bytes is promised.
constexpr std::size_t kMostBytes = std::size_t{1} << 40;

Status refuse(Code code, const DeviceCall& call, const std::string& text) {
  return {code, std::string(name(call.collective)) + ": " + text};
}
Status invalid(const DeviceCall& call, const std::string& text) {
  return refuse(Code::kInvalidArgument, call, text);
}

Status check_words(const DeviceCall& call, int ranks) {
  if (static_cast<int>(call.collective) >= kCollectives) {
    return {Code::kInvalidArgument,
            "unknown collective " + std::to_string(static_cast<int>(call.collective))};
  }
  if (call.collective == Collective::kSendRecv) {
    return refuse(Code::kNotSupported, call, "not a call of all ranks: expected a collective");
  }
  if (is_scan(call.collective)) {
    return refuse(Code::kNotSupported, call, "runs on host memory only: expected another one");
  }
  if (static_cast<int>(call.type) >= kDataTypes) {
    return invalid(call, "unknown data type " + std::to_string(static_cast<int>(call.type)) +
                             ": expected 0 to " + std::to_string(kDataTypes - 1));
  }
  if (has_root(call.collective) && (call.root < 0 || call.root >= ranks)) {
    return invalid(
        call, "root " + std::to_string(call.root) + ": expected 0 to " + std::to_string(ranks - 1));
  }
  if (call.count > kMostBytes / size_of(call.type) / static_cast<std::size_t>(ranks)) {
    return invalid(call,
                   "count " + std::to_string(call.count) +
                       ": expected at most 2^40 bytes (a negative number given as unsigned?)");
  }
  return {};
}

Status check_op(const DeviceCall& call) {
  if (!reduces(call.collective)) return {};
  if (static_cast<int>(call.op.reduction) >= kReductions) {
    return invalid(call, "unknown reduction " +
                             std::to_string(static_cast<int>(call.op.reduction)) +
                             ": expected 0 to " + std::to_string(kReductions - 1));
  }
  if (call.op.reduction == Reduction::kUser) {
    return refuse(Code::kNotSupported, call,
                  "a user's function runs on the host: expected a reduction of the library");
  }
  // The kernels of devices know the pairs that those of the CPU know.
  const Result<Kernel> known = find_kernel(call.type, call.op.reduction, Isa::kPortable);
  return known.ok() ? Status() : refuse(known.status().code(), call, known.status().message());
}

Status check_memory(Device& device, const DeviceCall& call, const char* which,
                    const std::byte* data, std::size_t bytes) {
  if (data == nullptr) {
    return invalid(call, std::string(which) + " is null: expected memory of the device for " +
                             std::to_string(bytes) + " bytes");
  }
  if (reinterpret_cast<std::uintptr_t>(data) % size_of(call.type) != 0) {
    return invalid(call, std::string(which) +
                             " is not aligned to its type: expected a multiple of " +
                             std::to_string(size_of(call.type)) + " bytes");
  }
  Result<Allocation> allocation = device.allocation_of(data);
  // Memory that is mapped part by part is several allocations: looks at both ends.
  if (allocation.ok() && data + bytes > allocation->base + allocation->bytes) {
    allocation = device.allocation_of(data + bytes - 1);
    if (!allocation.ok()) {
      return invalid(call, std::string(which) + " ends outside its memory: expected " +
                               std::to_string(bytes) + " bytes");
    }
  }
  if (allocation.ok()) return {};
  return refuse(allocation.status().code(), call,
                std::string(which) + ": " + allocation.status().message());
}

// Bytes from input to output where they are the same memory, as tutti.h has it.
std::ptrdiff_t in_place_distance(const CheckedCall& checked, std::size_t part_bytes, int rank) {
  const auto own = static_cast<std::ptrdiff_t>(part_bytes) * rank;
  if (checked.most.input == checked.most.output) return 0;
  return checked.most.input > checked.most.output ? own : -own;
}

Status check_overlap(const DeviceCall& call, std::size_t part_bytes, int rank,
                     CheckedCall& checked) {
  if (checked.parts.input == 0 || checked.parts.output == 0) return {};
  const auto in = reinterpret_cast<std::uintptr_t>(call.input);
  const auto out = reinterpret_cast<std::uintptr_t>(call.output);
  const std::ptrdiff_t distance = in_place_distance(checked, part_bytes, rank);
  checked.in_place = static_cast<std::ptrdiff_t>(out - in) == distance;
  const bool overlap = in < out + static_cast<std::size_t>(checked.parts.output) * part_bytes &&
                       out < in + static_cast<std::size_t>(checked.parts.input) * part_bytes;
  if (!overlap || checked.in_place) return {};
  return invalid(call, "input and output overlap: expected the same memory (in place) or apart");
}

}  // namespace

Result<CheckedCall> check_call(Device& device, const DeviceCall& call, int rank, int ranks) {
  if (Status s = check_words(call, ranks); !s.ok()) return s;
  if (Status s = check_op(call); !s.ok()) return s;
  CheckedCall checked;
  checked.parts = parts_of(call.collective, ranks, rank == call.root);
  checked.most = parts_of(call.collective, ranks, /*is_root=*/true);
  checked.element = size_of(call.type);
  const std::size_t part = checked.part_bytes(call);
  if (part == 0) return checked;
  const auto bytes_of = [part](int parts) { return static_cast<std::size_t>(parts) * part; };
  if (checked.parts.input > 0) {
    const std::size_t bytes = bytes_of(checked.parts.input);
    if (Status s = check_memory(device, call, "input", call.input, bytes); !s.ok()) return s;
  }
  if (checked.parts.output > 0) {
    const std::size_t bytes = bytes_of(checked.parts.output);
    if (Status s = check_memory(device, call, "output", call.output, bytes); !s.ok()) return s;
  }
  if (Status s = check_overlap(call, part, rank, checked); !s.ok()) return s;
  return checked;
}

}  // namespace tutti::cuda
