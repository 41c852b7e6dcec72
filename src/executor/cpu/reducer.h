// What a call does to elements: a kernel, or the user's function, with the scaling before and
// after that some reductions mean.
//
// Tested by executor_test.cc.

#pragma once

#include <cstddef>
#include <vector>

#include "executor/cpu/kernels.h"
#include "tutti/types.h"

namespace tutti {

class Reducer {
 public:
  /// Copies bytes; reduces nothing.
  Reducer() = default;

  /// kNotSupported for pairs without meaning. `ranks` is what kAvg divides by.
  static Result<Reducer> make(DataType type, const ReduceOp& op, int ranks, Isa isa);

  /// One pass: copies when there is one source. For targets of which some may be lines that a
  /// peer's core holds, as scratch memory is.
  void run(const Pass& pass);
  /// The same for targets that peers read later, if at all: stores to all in turn, line by line.
  void run_at_once(const Pass& pass);

  /// Bytes of an element: of the type, or of what the user's function takes for one.
  std::size_t element() const { return element_; }
  /// Whether elements may lie anywhere: a user's function wants them aligned.
  bool takes_any_address() const { return op_.function == nullptr; }

  /// Whether inputs are to be scaled before anything else (kPreMulSum; kAvg of floats).
  bool scales_inputs() const { return factor_ != 1.0; }
  void scale_input(const std::byte* source, std::byte* target, std::size_t count) const {
    scale(source, target, count, type_, factor_);
  }

  /// Whether outputs are to be divided once they are complete (kAvg of integers).
  bool divides_outputs() const { return divisor_ != 1; }
  void divide_output(std::byte* target, std::size_t count) const {
    divide(target, count, type_, divisor_);
  }

 private:
  static constexpr std::size_t kFewBytes = 512;
  static constexpr std::size_t kPartBytes = std::size_t{8} << 10;
  static constexpr std::size_t kStreamedPartBytes = std::size_t{32} << 10;

  void run_parts(const Pass& pass);
  void run_user(const Pass& pass);
  std::byte* result_of_user(const Pass& pass);

  DataType type_ = DataType::kUint8;
  std::size_t element_ = 1;
  Isa isa_ = Isa::kPortable;
  Kernel kernel_ = nullptr;
  ReduceOp op_;
  double factor_ = 1.0;
  std::int64_t divisor_ = 1;
  std::vector<std::byte> part_;     // of a result that goes to several targets
  std::vector<std::byte> partial_;  // of the user's function, which has two operands only

 public:
  static Reducer copier(DataType type, Isa isa) {
    Reducer reducer;
    reducer.type_ = type;
    reducer.element_ = size_of(type);
    reducer.isa_ = isa;
    return reducer;
  }
};

}  // namespace tutti
