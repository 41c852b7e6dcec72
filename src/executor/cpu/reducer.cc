#include "executor/cpu/reducer.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/check.h"

namespace tutti {

Result<Reducer> Reducer::make(DataType type, const ReduceOp& op, int ranks, Isa isa) {
  Reducer reducer = copier(type, isa);
  reducer.op_ = op;
  if (op.reduction == Reduction::kUser) {
    if (op.function == nullptr) {
      return {Code::kInvalidArgument, "the user reduction has no function: expected one"};
    }
    reducer.element_ = op.element_bytes.value_or(reducer.element_);
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
  const std::uint32_t all = (1u << std::min(pass.target_count, 31)) - 1;
  if (pass.target_count == 1 || pass.count * element_ <= kFewBytes || pass.stream_mask == all) {
    run_at_once(pass);
  } else {
    run_parts(pass);
  }
}

void Reducer::run_at_once(const Pass& pass) {
  if (pass.count == 0) return;  // and then, maybe, no memory
  if (pass.source_count == 1) {
    copy(pass.sources[0], pass.targets, pass.target_count, pass.count * element_, pass.stream_mask,
         isa_);
  } else if (kernel_ != nullptr) {
    kernel_(pass);
  } else {
    run_user(pass);
  }
}

// Several targets, some of which are lines that a peer's core holds: storing to one after the
// other, from data in the first cache, is faster than storing to all in turn, line by line.
void Reducer::run_parts(const Pass& pass) {
  // Stores past the caches are fenced after each part: larger parts, fewer fences.
  const std::size_t bytes = pass.stream_mask == 0 ? kPartBytes : kStreamedPartBytes;
  const std::size_t step = std::max<std::size_t>(bytes / element_, 1);
  if (pass.source_count > 1 && part_.size() < step * element_) part_.resize(step * element_);
  std::vector<const std::byte*> sources(pass.sources, pass.sources + pass.source_count);
  for (std::size_t done = 0; done < pass.count; done += step) {
    const std::size_t count = std::min(step, pass.count - done);
    const std::byte* result = sources[0];
    if (pass.source_count > 1) {
      std::byte* part = part_.data();
      run_at_once({sources.data(), pass.source_count, &part, 1, count, 0});
      result = part;
    }
    for (int t = 0; t < pass.target_count; ++t) {
      std::byte* target = pass.targets[t] + done * element_;
      if (target == result) continue;
      copy(result, &target, 1, count * element_, pass.stream_mask >> t & 1, isa_);
    }
    for (const std::byte*& source : sources) source += count * element_;
  }
}

// Where the user's function may leave its result: the first target, if nobody else needs what is
// there, or memory of our own.
std::byte* Reducer::result_of_user(const Pass& pass) {
  std::byte* const target = pass.targets[0];
  const auto others = std::span(pass.sources, pass.source_count - 1);
  const bool is_source = std::find(others.begin(), others.end(), target) != others.end();
  if (!is_source && (pass.stream_mask & 1) == 0) return target;
  const std::size_t bytes = pass.count * element_;
  if (partial_.size() < bytes) partial_.resize(bytes);
  return partial_.data();
}

void Reducer::run_user(const Pass& pass) {
  TUTTI_CHECK(op_.function != nullptr);
  const std::size_t bytes = pass.count * element_;
  std::byte* const result = result_of_user(pass);
  // Last to first, so that the function sees (src, dst) = (lower rank, what follows it).
  const std::byte* const last = pass.sources[pass.source_count - 1];
  if (last != result) std::memcpy(result, last, bytes);
  for (int s = pass.source_count - 2; s >= 0; --s) {
    op_.function(pass.sources[s], result, pass.count, type_, op_.context);
  }
  const int done = result == pass.targets[0];
  if (done == pass.target_count) return;
  copy(result, pass.targets + done, pass.target_count - done, bytes, pass.stream_mask >> done,
       isa_);
}

}  // namespace tutti
