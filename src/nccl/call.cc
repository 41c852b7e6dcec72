#include "nccl/call.h"

#include <cstdint>

#include "nccl/process.h"

namespace tutti::nccl {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 40;  // of a buffer, as tutti.h promises

Status invalid(const std::string& text) { return {Code::kInvalidArgument, text}; }

std::string range(int most) { return ": expected 0 to " + std::to_string(most); }

// Whose buffers are touched, and how many parts they have.
struct Shape {
  bool reads = true;
  bool writes = true;
  int input_parts = 1;
  int output_parts = 1;
};

Shape shape_of(const Arguments& a, int rank, int ranks) {
  switch (a.collective) {
    case Collective::kAllReduce:
      return {};
    case Collective::kAllGather:
      return {.output_parts = ranks};
    case Collective::kReduceScatter:
      return {.input_parts = ranks};
    case Collective::kAllToAll:
      return {.input_parts = ranks, .output_parts = ranks};
    case Collective::kBroadcast:
      return {.reads = rank == a.root};
    case Collective::kReduce:
      return {.writes = rank == a.root};
    case Collective::kGather:
      return {.writes = rank == a.root, .output_parts = ranks};
    case Collective::kScatter:
      return {.reads = rank == a.root, .input_parts = ranks};
    case Collective::kSendRecv:
      return {.reads = a.sends, .writes = !a.sends};
    case Collective::kBarrier:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return {.reads = false, .writes = false};
}

Status check_buffer(const char* name, const void* buffer, std::size_t count, std::size_t element) {
  if (buffer == nullptr && count > 0) {
    return is_null(name, "memory for " + std::to_string(count) + " elements");
  }
  if (reinterpret_cast<std::uintptr_t>(buffer) % element == 0) return {};
  return invalid(std::string(name) + " is not aligned to its datatype: expected a multiple of " +
                 std::to_string(element) + " bytes");
}

// The same memory where NCCL's in-place form wants it, or apart.
Status check_overlap(const Arguments& a, const Shape& shape, int rank, std::size_t element) {
  const auto in = reinterpret_cast<std::uintptr_t>(a.sendbuff);
  const auto out = reinterpret_cast<std::uintptr_t>(a.recvbuff);
  const std::size_t part = a.count * element;
  if (in >= out + part * shape.output_parts || out >= in + part * shape.input_parts) return {};
  const bool all_to_all = a.collective == Collective::kAllToAll;
  const std::size_t in_shift = shape.input_parts > 1 && !all_to_all ? part * rank : 0;
  const std::size_t out_shift = shape.output_parts > 1 && !all_to_all ? part * rank : 0;
  if (in + in_shift == out + out_shift) return {};
  return invalid("sendbuff and recvbuff overlap: expected the in-place form, or memory apart");
}

Status check_buffers(const Arguments& a, int rank, int ranks) {
  const Shape shape = shape_of(a, rank, ranks);
  const std::size_t element = size_of(static_cast<DataType>(a.datatype));
  if (a.count > kMostBytes / element / ranks) {
    return invalid("count is " + std::to_string(a.count) + ": expected at most 2^40 bytes for " +
                   std::to_string(ranks) + " ranks");
  }
  if (shape.reads) {
    const std::size_t count = a.count * shape.input_parts;
    Status status = check_buffer("sendbuff", a.sendbuff, count, element);
    if (!status.ok()) return status;
  }
  if (shape.writes) {
    const std::size_t count = a.count * shape.output_parts;
    Status status = check_buffer("recvbuff", a.recvbuff, count, element);
    if (!status.ok()) return status;
  }
  return shape.reads && shape.writes ? check_overlap(a, shape, rank, element) : Status();
}

bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduce ||
         collective == Collective::kReduceScatter;
}

// The operation that was made, or none where NCCL has it built in.
Result<std::optional<PreMulSum>> check_operation(const Arguments& a, const Comm& comm) {
  const int number = a.op;
  if (number < 0) return invalid("op is " + std::to_string(number) + range(ncclNumOps - 1));
  if (number < ncclNumOps) return std::optional<PreMulSum>();
  const std::optional<PreMulSum> made = comm.operation(number);
  if (!made) {
    return invalid("op " + std::to_string(number) +
                   " is not there: expected one that was made for comm, and not destroyed");
  }
  if (made->type == static_cast<DataType>(a.datatype)) return made;
  return invalid("op was made for datatype " + std::string(name(made->type)) + ", not " +
                 std::string(name(static_cast<DataType>(a.datatype))) + ": expected the same");
}

Call make_call(const Arguments& a, int rank, int ranks) {
  const Shape shape = shape_of(a, rank, ranks);
  const auto type = static_cast<DataType>(a.datatype);
  Call call;
  call.collective = a.collective;
  call.input = {a.sendbuff, a.count * shape.input_parts, type};
  call.output = {a.recvbuff, a.count * shape.output_parts, type};
  if (reduces(a.collective) && a.op < ncclNumOps) call.op = static_cast<Reduction>(a.op);
  call.root = a.root;
  call.peer = a.root;
  call.sends = a.sends;
  return call;
}

}  // namespace

Status check_type(ncclDataType_t datatype) {
  const int number = datatype;
  if (number >= 0 && number < ncclNumTypes) return {};
  return invalid("datatype is " + std::to_string(number) + range(ncclNumTypes - 1));
}

Result<CheckedCall> check(const Arguments& a) {
  Result<std::shared_ptr<Comm>> comm = find_comm(a.comm);
  if (!comm.ok()) return comm.status();
  if (Status status = (*comm)->ready(); !status.ok()) return status;
  const int rank = (*comm)->rank(), ranks = (*comm)->ranks();
  if (Status status = check_type(a.datatype); !status.ok()) return status;
  if (a.root < 0 || a.root >= ranks) {
    return invalid((a.collective == Collective::kSendRecv ? "peer is " : "root is ") +
                   std::to_string(a.root) + range(ranks - 1));
  }
  if (Status status = check_buffers(a, rank, ranks); !status.ok()) return status;
  CheckedCall checked{*comm, make_call(a, rank, ranks), {}, a.stream};
  if (!reduces(a.collective)) return checked;
  const Result<std::optional<PreMulSum>> operation = check_operation(a, **comm);
  if (!operation.ok()) return operation.status();
  checked.operation = *operation;
  return checked;
}

Call CheckedCall::complete() const {
  Call complete = call;
  if (operation) complete.op = ReduceOp::pre_mul_sum(operation->value());
  return complete;
}

}  // namespace tutti::nccl
