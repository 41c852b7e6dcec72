#include "executor/cpu/reducer.h"

#include <cstring>

#include "base/check.h"

namespace tutti {

Result<Reducer> Reducer::make(DataType type, const ReduceOp& op, int ranks, Isa isa) {
  Reducer reducer = copier(type, isa);
  reducer.op_ = op;
  if (op.reduction == Reduction::kUser) {
    if (op.function == nullptr) {
      return {Code::kInvalidArgument, "the user reduction has no function: expected one"};
    }
    return reducer;
  }
  Result<Kernel> kernel = find_kernel(type, op.reduction, isa);
  if (!kernel.ok()) return kernel.status();
  reducer.kernel_ = *kernel;
  if (op.reduction == Reduction::kPreMulSum) reducer.factor_ = op.scale;
  if (op.reduction == Reduction::kAvg) {
    if (is_float(type)) {
      reducer.factor_ = 1.0 / ranks;
    } else {
      reducer.divisor_ = ranks;
    }
  }
  return reducer;
}

void Reducer::run(const Pass& pass) {
  if (pass.source_count == 1) {
    copy(pass.sources[0], pass.targets, pass.target_count, pass.count * element_, pass.stream_mask,
         isa_);
  } else if (kernel_ != nullptr) {
    kernel_(pass);
  } else {
    run_user(pass);
  }
}

void Reducer::run_user(const Pass& pass) {
  TUTTI_CHECK(op_.function != nullptr);
  const std::size_t bytes = pass.count * element_;
  if (partial_.size() < bytes) partial_.resize(bytes);
  // Last to first, so that the function sees (src, dst) = (lower rank, what follows it).
  std::memcpy(partial_.data(), pass.sources[pass.source_count - 1], bytes);
  for (int s = pass.source_count - 2; s >= 0; --s) {
    op_.function(pass.sources[s], partial_.data(), pass.count, type_, op_.context);
  }
  copy(partial_.data(), pass.targets, pass.target_count, bytes, pass.stream_mask, isa_);
}

}  // namespace tutti
