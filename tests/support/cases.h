// One collective call on known data, and what must come out of it.
//
// Elements are small whole numbers, which every type holds exactly in any order of reduction, so
// that a wrong bit is a wrong answer. Expectations are computed one element at a time from the
// collective's definition. Memory around buffers is watched.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "scalar_reduction.h"
#include "tutti/tutti.h"

namespace tutti::test {

enum class InPlace { kNobody, kEverybody, kEvenRanks };

struct Case {
  Collective collective = Collective::kAllReduce;
  DataType type = DataType::kFloat32;
  ReduceOp op;
  std::size_t count = 0;  // elements of a part
  int root = 0;
  InPlace in_place = InPlace::kNobody;
  Direction direction = Direction::kForward;

  std::string to_string() const {
    return std::string(name(collective)) + " " + std::string(name(type)) + " " +
           std::string(name(op.reduction)) + " count " + std::to_string(count) + " root " +
           std::to_string(root) + " in place " + std::to_string(static_cast<int>(in_place)) +
           (direction == Direction::kReverse ? " reverse" : "");
  }
};

/// A whole number between -1 and 1, or 0 and 2, that depends on both.
inline int number_of(int rank, std::size_t index, bool has_sign) {
  const std::uint64_t mixed = (index + 1) * 0x9E3779B97F4A7C15u + rank * 0xC2B2AE3D27D4EB4Fu;
  return static_cast<int>((mixed >> 33) % 3) - has_sign;
}

inline bool has_sign(DataType type) {
  return is_float(type) || type == DataType::kInt8 || type == DataType::kInt16 ||
         type == DataType::kInt32 || type == DataType::kInt64;
}

/// Bits of elements, and back.
class Codec {
 public:
  explicit Codec(DataType type) : type_(type), floats_(type, Reduction::kSum) {
    for (int value = -1; value <= 2; ++value) bits_[value + 1] = encode(value);
  }

  std::uint64_t small(int value) const { return bits_[value + 1]; }
  std::uint64_t encode(double value) const {
    if (is_float(type_)) return floats_.encode(value);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) & mask();
  }
  double decode(std::uint64_t bits) const {
    if (is_float(type_)) return floats_.decode(bits);
    const int unused = 64 - 8 * static_cast<int>(size_of(type_));
    if (!has_sign(type_)) return static_cast<double>(bits);
    return static_cast<double>(static_cast<std::int64_t>(bits << unused) >> unused);
  }

 private:
  std::uint64_t mask() const { return ~0ull >> (64 - 8 * size_of(type_)); }

  DataType type_;
  ScalarReduction floats_;
  std::uint64_t bits_[4];
};

/// Memory of elements between two stretches that nobody may write.
class WatchedBuffer {
 public:
  WatchedBuffer(DataType type, std::size_t count)
      : type_(type), count_(count), bytes_(2 * kMargin + count * size_of(type), kUntouched) {}

  /// Aligned to its type only.
  std::byte* data() { return bytes_.data() + kMargin; }
  std::byte* at(std::size_t index) { return data() + index * size_of(type_); }
  std::size_t count() const { return count_; }
  Buffer all() { return {data(), count_, type_}; }
  Buffer part(std::size_t first, std::size_t count) { return {at(first), count, type_}; }

  std::uint64_t get(std::size_t index) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, at(index), size_of(type_));
    return bits;
  }
  void set(std::size_t index, std::uint64_t bits) { std::memcpy(at(index), &bits, size_of(type_)); }

  bool is_untouched() const { return untouched(0, bytes_.size()); }
  bool margins_are_untouched() const {
    return untouched(0, kMargin) && untouched(bytes_.size() - kMargin, bytes_.size());
  }

 private:
  static constexpr std::size_t kMargin = 72;  // no multiple of a cache line
  static constexpr std::byte kUntouched{0xA5};

  bool untouched(std::size_t begin, std::size_t end) const {
    return std::all_of(bytes_.begin() + begin, bytes_.begin() + end,
                       [](std::byte b) { return b == kUntouched; });
  }

  DataType type_;
  std::size_t count_;
  std::vector<std::byte> bytes_;
};

class CaseRunner {
 public:
  using Run = std::function<Status(const Call&)>;

  CaseRunner(const Case& c, Communicator& comm)
      : CaseRunner(c, comm, [&comm](const Call& call) { return comm.run(call); }) {}
  /// `run` makes the call.
  CaseRunner(const Case& c, const Communicator& comm, Run run)
      : case_(c), rank_(comm.rank()), ranks_(comm.ranks()), codec_(c.type), run_(std::move(run)) {}

  /// EXPECTs that the call succeeds and that all memory is as it must be.
  void run() {
    SCOPED_TRACE(case_.to_string() + " ranks " + std::to_string(ranks_) + " rank " +
                 std::to_string(rank_));
    WatchedBuffer input(case_.type, case_.count * input_parts());
    WatchedBuffer output(case_.type, case_.count * output_parts());
    const bool in_place = is_in_place();
    WatchedBuffer& larger = input.count() > output.count() ? input : output;
    Buffer in = input.all(), out = output.all();
    if (in_place) {
      in = input_parts() == output_parts() || &larger == &input ? larger.all() : my_part(larger);
      out = input_parts() == output_parts() || &larger == &output ? larger.all() : my_part(larger);
    }
    if (reads()) fill(in);
    Status status = run_(call(in, out));
    ASSERT_TRUE(status.ok()) << status.to_string();
    check_output(out, output);
    EXPECT_TRUE(input.margins_are_untouched());
    EXPECT_TRUE(output.margins_are_untouched());
    if (reads() && !in_place) check_input(input);
  }

 private:
  int input_parts() const {
    return case_.collective == Collective::kReduceScatter ||
                   case_.collective == Collective::kAllToAll ||
                   case_.collective == Collective::kScatter
               ? ranks_
               : 1;
  }
  int output_parts() const {
    return case_.collective == Collective::kAllGather ||
                   case_.collective == Collective::kAllToAll ||
                   case_.collective == Collective::kGather
               ? ranks_
               : 1;
  }
  bool is_root() const { return rank_ == case_.root; }
  bool reads() const {
    const bool from_root =
        case_.collective == Collective::kBroadcast || case_.collective == Collective::kScatter;
    return !from_root || is_root();
  }
  bool writes() const {
    const bool to_root =
        case_.collective == Collective::kReduce || case_.collective == Collective::kGather;
    const bool is_empty = case_.collective == Collective::kExclusiveScan && rank_ == first_rank();
    return (!to_root || is_root()) && !is_empty;
  }
  int first_rank() const { return case_.direction == Direction::kReverse ? ranks_ - 1 : 0; }
  // Whether the output has to do with what a rank gives, where it is a reduction.
  bool counts(int rank) const {
    if (case_.collective == Collective::kExclusiveScan && rank == rank_) return false;
    if (!is_scan()) return true;
    return case_.direction == Direction::kReverse ? rank >= rank_ : rank <= rank_;
  }
  bool is_scan() const {
    return case_.collective == Collective::kScan || case_.collective == Collective::kExclusiveScan;
  }
  bool is_in_place() const {
    if (!reads() || !writes() || case_.in_place == InPlace::kNobody) return false;
    // Ranks must agree on all_to_all in place, which has algorithms of its own.
    return case_.in_place == InPlace::kEverybody || rank_ % 2 == 0 ||
           case_.collective == Collective::kAllToAll;
  }
  Buffer my_part(WatchedBuffer& buffer) { return buffer.part(rank_ * case_.count, case_.count); }

  Call call(Buffer in, Buffer out) const {
    switch (case_.collective) {
      case Collective::kAllReduce:
        return all_reduce(in, out, case_.op);
      case Collective::kAllGather:
        return all_gather(in, out);
      case Collective::kReduceScatter:
        return reduce_scatter(in, out, case_.op);
      case Collective::kAllToAll:
        return all_to_all(in, out);
      case Collective::kBroadcast:
        return broadcast(in, out, case_.root);
      case Collective::kReduce:
        return reduce(in, out, case_.op, case_.root);
      case Collective::kGather:
        return gather(in, out, case_.root);
      case Collective::kScatter:
        return scatter(in, out, case_.root);
      case Collective::kScan:
        return scan(in, out, case_.op, case_.direction);
      case Collective::kExclusiveScan:
        return exclusive_scan(in, out, case_.op, case_.direction);
      case Collective::kBarrier:
      case Collective::kSendRecv:
        break;
    }
    return barrier();
  }

  std::uint64_t element(int rank, std::size_t index) const {
    return codec_.small(number_of(rank, index, has_sign(case_.type)));
  }

  void fill(Buffer in) const {
    for (std::size_t i = 0; i < in.count; ++i) {
      const std::uint64_t bits = element(rank_, i);
      std::memcpy(static_cast<std::byte*>(in.data) + i * size_of(in.type), &bits, size_of(in.type));
    }
  }

  void check_input(WatchedBuffer& input) const {
    for (std::size_t i = 0; i < input.count(); ++i) {
      ASSERT_EQ(input.get(i), element(rank_, i)) << "the input has changed at " << i;
    }
  }

  void check_output(Buffer out, WatchedBuffer& own) {
    if (!writes()) {
      EXPECT_TRUE(own.is_untouched()) << "a rank that is not the root had its output written";
      return;
    }
    for (std::size_t i = 0; i < out.count; ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, static_cast<std::byte*>(out.data) + i * size_of(out.type),
                  size_of(out.type));
      if (is_rounded()) {
        ASSERT_NEAR(codec_.decode(bits), mean(i), rounding()) << "at " << i;
      } else {
        ASSERT_EQ(bits, expected(i)) << "at " << i << ": " << codec_.decode(bits);
      }
    }
  }

  // The element of the output, from the definition of the collective.
  std::uint64_t expected(std::size_t i) const {
    const std::size_t c = case_.count, mine = rank_ * c;
    switch (case_.collective) {
      case Collective::kAllReduce:
      case Collective::kReduce:
      case Collective::kScan:
      case Collective::kExclusiveScan:
        return reduced(i);
      case Collective::kReduceScatter:
        return reduced(mine + i);
      case Collective::kAllGather:
      case Collective::kGather:
        return element(static_cast<int>(i / c), i % c);
      case Collective::kAllToAll:
        return element(static_cast<int>(i / c), mine + i % c);
      case Collective::kBroadcast:
        return element(case_.root, i);
      case Collective::kScatter:
        return element(case_.root, mine + i);
      case Collective::kBarrier:
      case Collective::kSendRecv:
        break;
    }
    return 0;
  }

  // 1/3 and 1/7 are rounded before they are summed.
  bool is_rounded() const {
    const bool reduces = case_.collective == Collective::kAllReduce ||
                         case_.collective == Collective::kReduce ||
                         case_.collective == Collective::kReduceScatter;
    return reduces && case_.op.reduction == Reduction::kAvg && is_float(case_.type);
  }

  double rounding() const {
    if (size_of(case_.type) == 1) return 0.3;
    return size_of(case_.type) == 2 ? 0.03 : 1e-6;
  }

  double sum(std::size_t index) const {
    double sum = 0;
    for (int r = 0; r < ranks_; ++r) {
      if (counts(r)) sum += number_of(r, index, has_sign(case_.type));
    }
    return sum;
  }
  double mean(std::size_t i) const {
    return sum(case_.collective == Collective::kReduceScatter ? rank_ * case_.count + i : i) /
           ranks_;
  }

  std::uint64_t reduced(std::size_t index) const {
    switch (case_.op.reduction) {
      case Reduction::kAvg:
        return codec_.encode(std::trunc(sum(index) / ranks_));
      case Reduction::kPreMulSum:
        return codec_.encode(case_.op.scale * sum(index));
      case Reduction::kSum:
      case Reduction::kUser:
        return codec_.encode(sum(index));
      case Reduction::kProd:
      case Reduction::kMax:
      case Reduction::kMin:
      case Reduction::kBitAnd:
      case Reduction::kBitOr:
      case Reduction::kBitXor:
      case Reduction::kLogicalAnd:
      case Reduction::kLogicalOr:
      case Reduction::kLogicalXor:
        break;
    }
    std::vector<std::uint64_t> elements;
    for (int r = 0; r < ranks_; ++r) {
      if (counts(r)) elements.push_back(element(r, index));
    }
    if (elements.size() == 1) return elements[0];  // nothing to combine it with
    return ScalarReduction(case_.type, case_.op.reduction)(elements);
  }

  const Case case_;
  const int rank_;
  const int ranks_;
  const Codec codec_;
  const Run run_;
};

}  // namespace tutti::test
