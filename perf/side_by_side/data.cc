#include "data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace side_by_side {
namespace {

constexpr std::size_t kPeriod = 251;
constexpr std::size_t kLineFloats = 16;

// Elements `first` and on of: scale * (i mod 251 + 256 * (round mod 7)) + base.
struct Wave {
  double scale;
  double base;
  std::size_t first;
  int round;

  std::array<float, kPeriod> period() const {
    std::array<float, kPeriod> values;
    for (std::size_t i = 0; i < kPeriod; ++i) {
      const double place = static_cast<double>((first + i) % kPeriod) + 256.0 * (round % 7);
      values[i] = static_cast<float>(scale * place + base);
    }
    return values;
  }
};

Wave of_rank(int rank, std::size_t first, int round) {
  return {.scale = 1, .base = std::exp2(rank), .first = first, .round = round};
}

Wave of_sum(int ranks, std::size_t first, int round) {
  return {.scale = double(ranks), .base = std::exp2(ranks) - 1, .first = first, .round = round};
}

void write(const Wave& wave, float* data, std::size_t count) {
  const std::array<float, kPeriod> values = wave.period();
  for (std::size_t i = 0; i < count; i += kPeriod) {
    std::memcpy(data + i, values.data(), std::min(kPeriod, count - i) * sizeof(float));
  }
}

std::optional<std::string> compare(const Wave& wave, const float* data, std::size_t count) {
  const std::array<float, kPeriod> values = wave.period();
  for (std::size_t i = 0; i < count; i += kPeriod) {
    const std::size_t length = std::min(kPeriod, count - i);
    if (std::memcmp(data + i, values.data(), length * sizeof(float)) == 0) continue;
    for (std::size_t j = 0; j < length; ++j) {
      if (data[i + j] == values[j]) continue;
      return "element " + std::to_string(i + j) + " of " + std::to_string(count) + " is " +
             std::to_string(data[i + j]) + ", expected " + std::to_string(values[j]);
    }
  }
  return std::nullopt;
}

// One part from each rank, all from place `first` of their inputs.
std::optional<std::string> compare_parts(const Shape& shape, std::size_t first, int round,
                                         const float* output) {
  const std::size_t count = shape.part_count();
  for (int rank = 0; rank < shape.ranks; ++rank) {
    const float* part = output + static_cast<std::size_t>(rank) * count;
    auto wrong = compare(of_rank(rank, first, round), part, count);
    if (wrong) return "part of rank " + std::to_string(rank) + ": " + *wrong;
  }
  return std::nullopt;
}

std::size_t total(const Shape& shape) { return shape.bytes / sizeof(float); }
std::size_t share(const Shape& shape) {
  return total(shape) / static_cast<std::size_t>(shape.ranks);
}

}  // namespace

std::size_t Shape::part_count() const {
  switch (collective) {
    case Collective::kAllGather:
    case Collective::kReduceScatter:
    case Collective::kAllToAll:
    case Collective::kGather:
    case Collective::kScatter:
      return share(*this);
    case Collective::kAllReduce:
    case Collective::kBroadcast:
    case Collective::kReduce:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return total(*this);
}

std::size_t Shape::input_count() const {
  return collective == Collective::kAllGather ? share(*this) : total(*this);
}

std::size_t Shape::output_count() const {
  return collective == Collective::kReduceScatter ? share(*this) : total(*this);
}

void fill(const Shape& shape, int round, float* input) {
  write(of_rank(shape.rank, 0, round), input, shape.input_count());
}

void touch(float* data, std::size_t count) {
  for (std::size_t i = 0; i < count; i += kLineFloats) {
    volatile float& element = data[i];
    element = element;
  }
}

std::optional<std::string> check(const Shape& shape, int round, const float* output) {
  const std::size_t mine = static_cast<std::size_t>(shape.rank) * shape.part_count();
  switch (shape.collective) {
    case Collective::kAllReduce:
      return compare(of_sum(shape.ranks, 0, round), output, shape.output_count());
    case Collective::kReduce:
      if (shape.rank != 0) return std::nullopt;
      return compare(of_sum(shape.ranks, 0, round), output, shape.output_count());
    case Collective::kReduceScatter:
      return compare(of_sum(shape.ranks, mine, round), output, shape.output_count());
    case Collective::kBroadcast:
      return compare(of_rank(0, 0, round), output, shape.output_count());
    case Collective::kAllGather:
      return compare_parts(shape, 0, round, output);
    case Collective::kAllToAll:
      return compare_parts(shape, mine, round, output);
    case Collective::kGather:
    case Collective::kScatter:
    case Collective::kBarrier:
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return "this collective is not measured";
}

}  // namespace side_by_side
