// Many calls of one group of ranks, and in which ways each of them runs.

#pragma once

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "executors.h"
#include "groups.h"

namespace tutti::test {

/// Subtracts what follows from the lower rank: tells operands and their order apart.
inline void subtract(const void* src, void* dst, std::size_t count, DataType type, void*) {
  const auto* from = static_cast<const std::uint8_t*>(src);
  auto* to = static_cast<std::uint8_t*>(dst);
  for (std::size_t i = 0; i < count * size_of(type); ++i) {
    to[i] = static_cast<std::uint8_t>(from[i] - to[i]);
  }
}

/// The same of elements of 20 bytes, byte by byte from either end: minds where they are cut.
inline void subtract_reversed(const void* src, void* dst, std::size_t count, DataType, void*) {
  const auto* from = static_cast<const std::uint8_t*>(src);
  auto* to = static_cast<std::uint8_t*>(dst);
  for (std::size_t i = 0; i < count; ++i, from += 20, to += 20) {
    std::reverse(to, to + 20);
    subtract(from, to, 20, DataType::kUint8, nullptr);
  }
}

struct Planned {
  const Trial* trial;
  Way way;

  std::string to_string() const {
    static constexpr const char* kFlavors[] = {"inline", "staged", "mapped"};
    return trial->to_string() + ", " + kFlavors[static_cast<int>(way.flavor)] + ", tile " +
           std::to_string(way.tile) + ", lanes " + std::to_string(way.lanes) +
           (way.flat ? ", flat" : "");
  }
};

class Programme {
 public:
  explicit Programme(Group group) : group_(std::move(group)) {}

  /// A trial of this programme, kept by it. Types, operations and roots take turns.
  const Trial& add(const Algorithm& algorithm, std::size_t count, bool in_place) {
    static const struct {
      DataType type;
      ReduceOp op;
    } kElements[] = {
        {DataType::kUint8, ReduceOp::ordered(20, subtract_reversed)},
        {DataType::kFloat32, Reduction::kSum},
        {DataType::kInt32, Reduction::kAvg},
        {DataType::kBfloat16, Reduction::kSum},
        {DataType::kFloat64, Reduction::kAvg},
        {DataType::kUint8, Reduction::kBitXor},
        {DataType::kFloat16, ReduceOp::pre_mul_sum(0.7)},
        {DataType::kUint16, ReduceOp::user(subtract)},
        {DataType::kInt8, Reduction::kMax},
        {DataType::kFloat8e4m3, Reduction::kSum},
    };
    const auto& [type, op] = kElements[turn_ % std::size(kElements)];
    const std::vector<int> roots = roots_of(algorithm.collective, group_.ranks);
    const int root = roots[turn_ / 3 % roots.size()];
    ++turn_;
    trials_.push_back(std::make_unique<Trial>(
        TrialShape{&algorithm, group_, root, type, op, count, in_place}, /*seed=*/turn_));
    return *trials_.back();
  }

  void plan(const Trial& trial, const Way& way) { planned_.push_back({&trial, way}); }

  const Group& group() const { return group_; }
  int ranks() const { return group_.ranks; }
  const std::vector<Planned>& planned() const { return planned_; }

 private:
  const Group group_;
  std::size_t turn_ = 0;
  std::vector<std::unique_ptr<Trial>> trials_;
  std::vector<Planned> planned_;
};

}  // namespace tutti::test
