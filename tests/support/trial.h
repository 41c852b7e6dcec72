// One collective call on every rank: the bytes that each rank's memory holds before it, and those
// that it must hold afterwards by the reference execution of the schedule.
//
// A rank's memory is an image: its buffers, apart or in place, between margins that nobody may
// touch. The inputs are such that floats tell in which order they were added.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "algorithms/catalog.h"
#include "executor/cpu/reducer.h"
#include "executor/extents.h"
#include "schedule/reference.h"

namespace tutti::test {

struct TrialShape {
  const Algorithm* algorithm = nullptr;
  Group group;
  int root = 0;
  DataType type = DataType::kUint8;
  ReduceOp op;
  std::size_t count = 0;  // elements of a part
  bool in_place = false;  // where the collective has both buffers on a rank
  // Elements of a chunk of a part of `count`; else as even as can be.
  std::size_t (*piece)(std::size_t count, int chunks, std::size_t element) = nullptr;
};

inline bool reduces(const Algorithm& algorithm) {
  return algorithm.collective == Collective::kAllReduce ||
         algorithm.collective == Collective::kReduceScatter ||
         algorithm.collective == Collective::kReduce || is_scan(algorithm.collective);
}

/// The bits of a random element; floats lie within a factor of 16.
inline std::uint64_t random_element(DataType type, std::mt19937_64& random) {
  const auto mantissa_bits = [type] {
    if (type == DataType::kFloat64) return 52;
    if (type == DataType::kFloat32) return 23;
    if (type == DataType::kFloat16) return 10;
    if (type == DataType::kBfloat16) return 7;
    return type == DataType::kFloat8e4m3 ? 3 : 2;
  };
  const std::uint64_t bits = random();
  if (!is_float(type)) return bits;
  const int width = 8 * static_cast<int>(size_of(type)), mantissa = mantissa_bits();
  const std::uint64_t one = (std::uint64_t{1} << (width - mantissa - 2)) - 1;  // its exponent
  const std::uint64_t sign = bits >> 63 << (width - 1);
  const std::uint64_t exponent = one - (bits >> 61 & 3);
  return sign | exponent << mantissa | (bits & ((std::uint64_t{1} << mantissa) - 1));
}

inline std::size_t element_of(const TrialShape& shape) {
  const std::size_t value = size_of(shape.type);
  return reduces(*shape.algorithm) ? shape.op.element_bytes.value_or(value) : value;
}

class Trial {
 public:
  explicit Trial(const TrialShape& shape, std::uint64_t seed = 1)
      : shape_(shape),
        schedule_(shape.algorithm->make(shape.group, shape.root)),
        element_(element_of(shape)),
        extents_(Extents::uniform(shape.count, piece(), schedule_.chunks)),
        random_(seed),
        memories_(shape.group.ranks) {
    if (reduces(*shape.algorithm)) {
      Result<Reducer> made = Reducer::make(shape.type, shape.op, shape.group.ranks, detect_isa());
      EXPECT_TRUE(made.ok()) << made.status().to_string();
      reducer_ = std::move(*made);
    } else {
      reducer_ = Reducer::copier(shape.type, detect_isa());
    }
    for (int rank = 0; rank < shape.group.ranks; ++rank) lay_out(rank);
    foresee();
  }

  /// A rank's memory before and after the call; where its buffers begin in it.
  struct Memory {
    std::vector<std::byte> before;
    std::vector<std::byte> after;
    std::size_t input_at = 0;
    std::size_t output_at = 0;
    std::size_t input_bytes = 0;
    std::size_t output_bytes = 0;
  };
  const Memory& memory(int rank) const { return memories_[rank]; }

  const TrialShape& shape() const { return shape_; }
  const Extents& extents() const { return extents_; }
  std::size_t element() const { return element_; }
  const Reducer& reducer() const { return reducer_; }
  bool has(Space space, int rank) const { return chunks_of(schedule_, space, rank) > 0; }

  std::string to_string() const {
    return std::string(name(schedule_.collective)) + " " + std::string(shape_.algorithm->name) +
           " of " + std::to_string(shape_.group.ranks) + " ranks, root " +
           std::to_string(shape_.root) + ", " + std::to_string(shape_.count) + " x " +
           std::string(name(shape_.type)) + " " + std::string(name(shape_.op.reduction)) +
           (shape_.in_place ? " in place" : "");
  }

 private:
  static constexpr std::size_t kMargin = 72;  // no multiple of a cache line

  std::size_t piece() const {
    if (shape_.piece != nullptr) return shape_.piece(shape_.count, schedule_.chunks, element_);
    return (shape_.count + schedule_.chunks - 1) / static_cast<std::size_t>(schedule_.chunks);
  }
  std::size_t bytes_of(Space space, int rank) const {
    return chunks_of(schedule_, space, rank) / schedule_.chunks * shape_.count * element_;
  }

  void lay_out(int rank) {
    Memory& m = memories_[rank];
    m.input_bytes = bytes_of(Space::kInput, rank);
    m.output_bytes = bytes_of(Space::kOutput, rank);
    m.input_at = m.output_at = kMargin;
    const bool both = has(Space::kInput, rank) && has(Space::kOutput, rank);
    const std::size_t larger = std::max(m.input_bytes, m.output_bytes);
    if (shape_.in_place && both) {
      const std::size_t part = rank * shape_.count * element_;
      if (m.input_bytes < larger) m.input_at += part;
      if (m.output_bytes < larger) m.output_at += part;
      m.before.resize(larger + 2 * kMargin);
    } else {
      m.output_at += m.input_bytes + kMargin;
      m.before.resize(m.output_at + m.output_bytes + kMargin);
    }
    for (std::byte& b : m.before) b = static_cast<std::byte>(random_());
    const std::size_t value = size_of(shape_.type);
    for (std::size_t at = 0; at < m.input_bytes; at += value) {
      const std::uint64_t bits = random_element(shape_.type, random_);
      std::memcpy(m.before.data() + m.input_at + at, &bits, value);
    }
  }

  // The reference knows chunks of one length only: pads, and cuts off again.
  void foresee() {
    std::vector<std::vector<std::byte>> inputs;
    for (int rank = 0; rank < shape_.group.ranks; ++rank) inputs.push_back(padded_input(rank));
    const Combine combine = [this](std::span<const std::byte* const> sources, std::byte* target,
                                   std::size_t bytes) {
      reducer_.run({sources.data(), static_cast<int>(sources.size()), &target, 1, bytes / element_,
                    /*stream_mask=*/0});
    };
    const auto outputs = execute_reference(schedule_, inputs, piece() * element_, combine);
    for (int rank = 0; rank < shape_.group.ranks; ++rank) set_after(rank, outputs[rank]);
  }

  std::vector<std::byte> padded_input(int rank) const {
    const Memory& m = memories_[rank];
    const int chunks = chunks_of(schedule_, Space::kInput, rank);
    std::vector<std::byte> padded(chunks * piece() * element_);
    for (int i = 0; i < chunks; ++i) {
      const std::byte* from = m.before.data() + m.input_at + extents_.offset(i) * element_;
      std::byte* to = padded.data() + i * piece() * element_;
      const std::size_t length = extents_.length(i, rank);
      if (length == 0) continue;
      if (reducer_.scales_inputs()) {
        reducer_.scale_input(from, to, length);
      } else {
        std::memcpy(to, from, length * element_);
      }
    }
    return padded;
  }

  void set_after(int rank, const std::vector<std::byte>& output) {
    Memory& m = memories_[rank];
    m.after = m.before;
    for (int i = 0; i < chunks_of(schedule_, Space::kOutput, rank); ++i) {
      std::byte* to = m.after.data() + m.output_at + extents_.offset(i) * element_;
      const std::size_t length = extents_.length(i, rank);
      if (length == 0) continue;
      std::memcpy(to, output.data() + i * piece() * element_, length * element_);
      if (reducer_.divides_outputs()) reducer_.divide_output(to, length);
    }
  }

  const TrialShape shape_;
  const Schedule schedule_;
  const std::size_t element_;
  const Extents extents_;
  std::mt19937_64 random_;
  std::vector<Memory> memories_;
  Reducer reducer_;
};

}  // namespace tutti::test
