// ROOMS: executor
// TIER: fast
// SANITIZERS: address
//
// Tests src/executor/cpu/kernels*: every type and reduction, on every instruction set this machine
// has, against a scalar reference. Comparisons are of bits, so the sets agree among themselves too.

#include "executor/cpu/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "executor/cpu/kernels_isa.h"
#include "scalar_reduction.h"

namespace tutti {
namespace {

constexpr std::byte kUntouched{0xA5};
constexpr std::size_t kGuard = 64;
constexpr int kMaxSources = 5;

std::vector<Isa> isas() {
  std::vector<Isa> all = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};
  std::erase_if(all, [](Isa isa) { return isa > detect_isa(); });
  return all;
}

std::uint64_t element(const std::byte* data, std::size_t index, std::size_t size) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, data + index * size, size);
  return bits;
}

// Memory with a chosen distance from a cache line, between guards.
class Array {
 public:
  Array(std::size_t bytes, std::size_t misalignment)
      : memory_(bytes + misalignment + 2 * kGuard + 64, kUntouched), bytes_(bytes) {
    const auto start = reinterpret_cast<std::uintptr_t>(memory_.data()) + kGuard;
    begin_ = kGuard + (-start & 63) + misalignment;
  }
  std::byte* data() { return memory_.data() + begin_; }
  const std::byte* data() const { return memory_.data() + begin_; }

  bool guards_are_whole() const {
    const auto is_untouched = [](std::byte b) { return b == kUntouched; };
    return std::all_of(memory_.begin(), memory_.begin() + begin_, is_untouched) &&
           std::all_of(memory_.begin() + begin_ + bytes_, memory_.end(), is_untouched);
  }

 private:
  std::vector<std::byte> memory_;
  std::size_t bytes_;
  std::size_t begin_ = 0;
};

// Any bits at all; often numbers near 1 or equal to a neighbour, where ties and equal operands are;
// and now and then the smallest subnormal.
std::vector<std::byte> random_bytes(DataType type, std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  const ScalarReduction convert(type, Reduction::kSum);
  const std::size_t size = size_of(type);
  std::vector<std::byte> bytes(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = random();
    const int small = static_cast<int>(random() % 9) - 4;
    const bool plain = random() % 4 != 0;
    if (plain && is_float(type)) bits = convert.encode(small * (random() % 2 ? 1.0 : 0.37));
    if (plain && !is_float(type)) bits = static_cast<std::uint64_t>(small);
    if (plain && is_float(type) && small == 0 && random() % 2) bits = convert.encode(-0.0);
    if (random() % 16 == 0) bits = 1;
    std::memcpy(bytes.data() + i * size, &bits, size);
  }
  return bytes;
}

struct Case {
  DataType type;
  Reduction reduction;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int type = 0; type < kDataTypes; ++type) {
    for (int reduction = 0; reduction < kReductions; ++reduction) {
      const Case one{static_cast<DataType>(type), static_cast<Reduction>(reduction)};
      if (one.reduction == Reduction::kAvg || one.reduction == Reduction::kPreMulSum) continue;
      if (find_kernel(one.type, one.reduction, Isa::kPortable).ok()) all.push_back(one);
    }
  }
  return all;
}

class Kernels : public testing::TestWithParam<Case> {
 protected:
  std::size_t size() const { return size_of(GetParam().type); }

  struct Candidate {
    std::string label;
    Kernel kernel;
  };

  // The kernel of each instruction set, and those that find_kernel() passes over on this machine.
  std::vector<Candidate> candidates() const {
    const auto [type, reduction] = GetParam();
    std::vector<Candidate> all;
    for (const Isa isa : isas()) {
      all.push_back(
          {std::to_string(static_cast<int>(isa)), find_kernel(type, reduction, isa).value()});
    }
#if defined(__x86_64__)
    if (detect_isa() == Isa::kAvx512 && avx512_kernel(type, reduction) != all.back().kernel) {
      all.push_back({"without AVX512_BF16", avx512_kernel(type, reduction)});
    }
#endif
    return all;
  }

  // Draws `sources` inputs of `count` elements and what their reduction must be.
  void draw(int sources, std::size_t count) {
    inputs_.clear();
    for (int s = 0; s < sources; ++s) {
      inputs_.push_back(random_bytes(GetParam().type, count, static_cast<unsigned>(s + 1)));
    }
    const ScalarReduction reference(GetParam().type, GetParam().reduction);
    expected_.resize(count * size());
    std::vector<std::uint64_t> elements(inputs_.size());
    for (std::size_t i = 0; i < count; ++i) {
      for (int s = 0; s < sources; ++s) elements[s] = element(inputs_[s].data(), i, size());
      const std::uint64_t result = reference(elements);
      std::memcpy(expected_.data() + i * size(), &result, size());
    }
  }

  // Source and target number i lie misalignment + i * skew elements and `shift` bytes off a line.
  struct Shape {
    std::size_t count = 0;
    int targets = 1;
    std::size_t misalignment = 0;
    std::size_t skew = 0;
    std::size_t shift = 0;
    std::uint32_t stream_mask = 0;
    int in_place = -1;  // the source that is also the first target
  };

  void check(Kernel kernel, const Shape& shape) {
    const std::size_t bytes = shape.count * size();
    std::vector<Array> arrays;
    const auto place = [&](int i) {
      const std::size_t elements = shape.misalignment + static_cast<std::size_t>(i) * shape.skew;
      return (elements * size() + shape.shift) % 64;
    };
    std::vector<const std::byte*> sources;
    for (std::size_t s = 0; s < inputs_.size(); ++s) {
      arrays.emplace_back(bytes, place(static_cast<int>(s)));
      if (bytes > 0) std::memcpy(arrays.back().data(), inputs_[s].data(), bytes);
    }
    for (int t = 0; t < shape.targets; ++t) arrays.emplace_back(bytes, place(t));
    for (std::size_t s = 0; s < inputs_.size(); ++s) sources.push_back(arrays[s].data());
    std::vector<std::byte*> targets;
    for (int t = 0; t < shape.targets; ++t) targets.push_back(arrays[inputs_.size() + t].data());
    if (shape.in_place >= 0) targets[0] = arrays[shape.in_place].data();

    kernel({.sources = sources.data(),
            .source_count = static_cast<int>(sources.size()),
            .targets = targets.data(),
            .target_count = shape.targets,
            .count = shape.count,
            .stream_mask = shape.stream_mask});

    for (const std::byte* target : targets) expect_result(target, shape.count);
    for (const Array& array : arrays) ASSERT_TRUE(array.guards_are_whole());
  }

  void expect_result(const std::byte* target, std::size_t count) {
    if (count == 0 || std::memcmp(target, expected_.data(), count * size()) == 0) return;
    std::size_t wrong = 0;
    while (element(target, wrong, size()) == element(expected_.data(), wrong, size())) ++wrong;
    std::string sources;
    for (const auto& input : inputs_) {
      sources.append(" ").append(std::to_string(element(input.data(), wrong, size())));
    }
    FAIL() << "element " << wrong << " of " << count << " is " << element(target, wrong, size())
           << " and not " << element(expected_.data(), wrong, size()) << "; sources:" << sources;
  }

  std::vector<std::vector<std::byte>> inputs_;
  std::vector<std::byte> expected_;
};

TEST_P(Kernels, AgreeWithTheReferenceOnEverySmallCount) {
  for (int sources = 1; sources <= kMaxSources; ++sources) {
    draw(sources, 67);
    for (const auto& [label, kernel] : candidates()) {
      for (std::size_t count = 0; count <= 67; ++count) {
        SCOPED_TRACE(testing::Message() << label << " " << sources << " " << count);
        check(kernel, {.count = count, .misalignment = count % 5, .skew = sources % 2u});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(Kernels, AgreeWithTheReferenceOnLargeCountsAndAllTargets) {
  for (int sources = 1; sources <= kMaxSources; ++sources) {
    draw(sources, 1009);
    for (const auto& [label, kernel] : candidates()) {
      for (int targets = 1; targets <= 3; ++targets) {
        for (const std::size_t misalignment : {0, 1, 7}) {
          SCOPED_TRACE(testing::Message() << label << " " << sources << " sources " << targets
                                          << " targets " << misalignment);
          check(kernel,
                {.count = 1009, .targets = targets, .misalignment = misalignment, .skew = 1});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Kernels, StreamAnySetOfTargets) {
  draw(2, 1009);
  for (const auto& [label, kernel] : candidates()) {
    for (std::uint32_t mask = 1; mask < 8; ++mask) {
      for (const std::size_t skew : {0, 3}) {
        for (const std::size_t count : {5, 300, 1009}) {
          SCOPED_TRACE(testing::Message()
                       << label << " mask " << mask << " skew " << skew << " count " << count);
          check(
              kernel,
              {.count = count, .targets = 3, .misalignment = 2, .skew = skew, .stream_mask = mask});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(Kernels, TakeAnySourceAsTarget) {
  draw(3, 1009);
  for (const auto& [label, kernel] : candidates()) {
    for (const std::size_t count : {1, 13, 67, 1009}) {
      for (int source = 0; source < 3; ++source) {
        for (const std::uint32_t mask : {0u, 1u, 3u}) {
          SCOPED_TRACE(testing::Message()
                       << label << " count " << count << " source " << source << " mask " << mask);
          check(kernel, {.count = count,
                         .targets = 2,
                         .misalignment = 3,
                         .stream_mask = mask,
                         .in_place = source});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

// Such a target never comes to lie on a line; asking to stream to it must do no harm.
TEST_P(Kernels, WorkWhereElementsAreNotAligned) {
  draw(2, 1009);
  for (const auto& [label, kernel] : candidates()) {
    for (const std::size_t shift : {1, 3}) {
      for (const std::uint32_t mask : {0u, 3u}) {
        SCOPED_TRACE(testing::Message() << label << " shift " << shift);
        check(kernel, {.count = 1009, .targets = 2, .shift = shift, .stream_mask = mask});
        if (HasFatalFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Kernels, testing::ValuesIn(cases()), [](const auto& info) {
  std::string text =
      std::string(name(info.param.type)) + "_" + std::string(name(info.param.reduction));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !std::isalnum(c); }, '_');
  return text;
});

TEST(FindKernel, KnowsEveryPairThatHasAMeaning) {
  // 8 integers x 10, 6 floats x 7; averages are sums.
  EXPECT_EQ(cases().size(), 8u * 10 + 6 * 7);
  for (const Isa isa : isas()) {
    EXPECT_EQ(find_kernel(DataType::kFloat32, Reduction::kAvg, isa).value(),
              find_kernel(DataType::kFloat32, Reduction::kSum, isa).value());
  }
}

TEST(FindKernel, RefusesBitsOfFloatsByName) {
  const Status status = find_kernel(DataType::kFloat16, Reduction::kBitXor, detect_isa()).status();
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_NE(status.message().find(name(DataType::kFloat16)), std::string::npos);
  EXPECT_FALSE(find_kernel(DataType::kFloat32, Reduction::kUser, detect_isa()).ok());
}

TEST(FindKernel, TakesMoreTargetsThanTheMaskHasBits) {
  constexpr int kTargets = 40;
  constexpr std::size_t kCount = 500;
  const std::vector<float> source(kCount, 1.5f);
  std::vector<std::vector<float>> results(kTargets, std::vector<float>(kCount));
  std::vector<std::byte*> targets;
  for (auto& result : results) targets.push_back(reinterpret_cast<std::byte*>(result.data()));
  const auto* bytes = reinterpret_cast<const std::byte*>(source.data());
  const std::byte* sources[2] = {bytes, bytes};
  for (const Isa isa : isas()) {
    find_kernel(DataType::kFloat32, Reduction::kSum, isa)
        .value()({sources, 2, targets.data(), kTargets, kCount, ~0u});
    for (auto& result : results) EXPECT_EQ(result, std::vector<float>(kCount, 3.0f));
  }
}

TEST(FindKernel, IgnoresMaskBitsWithoutATarget) {
  const std::vector<float> source(500, 1.5f);
  std::vector<float> result(500);
  const auto* sources = reinterpret_cast<const std::byte*>(source.data());
  auto* target = reinterpret_cast<std::byte*>(result.data());
  for (const Isa isa : isas()) {
    std::fill(result.begin(), result.end(), 0.0f);
    const Kernel kernel = find_kernel(DataType::kFloat32, Reduction::kSum, isa).value();
    kernel({&sources, 1, &target, 1, 500, 1u << 30});
    EXPECT_EQ(result, source);
  }
}

TEST(Copy, CopiesAnySizeToAnyTargets) {
  for (const Isa isa : isas()) {
    for (const std::size_t bytes : {0, 1, 7, 63, 64, 65, 1023, 1024, 1025, 5000, 65537}) {
      const std::vector<std::byte> source = random_bytes(DataType::kInt8, bytes, 3);
      for (std::uint32_t mask = 0; mask < 4; ++mask) {
        for (int count = 1; count <= 2; ++count) {
          Array arrays[2] = {Array(bytes, 5), Array(bytes, mask % 2 ? 5 : 9)};
          std::byte* targets[2] = {arrays[0].data(), arrays[1].data()};
          copy(source.data(), targets, count, bytes, mask, isa);
          for (int t = 0; t < count; ++t) {
            EXPECT_TRUE(std::equal(source.begin(), source.end(), targets[t])) << bytes;
            EXPECT_TRUE(arrays[t].guards_are_whole()) << bytes;
          }
        }
      }
    }
  }
}

TEST(Scale, MultipliesFloatsInTheirComputeTypeAndRoundsOnce) {
  for (int type = 0; type < kDataTypes; ++type) {
    const auto data_type = static_cast<DataType>(type);
    if (!is_float(data_type)) continue;
    const std::size_t size = size_of(data_type);
    const ScalarReduction reference(data_type, Reduction::kProd);
    for (const std::size_t count : {1, 2, 31, 1009}) {
      const std::vector<std::byte> source = random_bytes(data_type, count, 5);
      std::vector<std::byte> target(count * size);
      scale(source.data(), target.data(), count, data_type, 1.0 / 3);
      const double factor = data_type == DataType::kFloat64 ? 1.0 / 3 : 1.0f / 3;
      for (std::size_t i = 0; i < count; ++i) {
        double product = reference.decode(element(source.data(), i, size)) * factor;
        if (data_type != DataType::kFloat64) product = static_cast<float>(product);
        ASSERT_EQ(element(target.data(), i, size), reference.encode(product)) << name(data_type);
      }
      std::vector<std::byte> in_place = source;
      scale(in_place.data(), in_place.data(), count, data_type, 1.0 / 3);
      EXPECT_EQ(in_place, target);
    }
  }
}

TEST(Scale, RoundsIntegersTowardsZeroAndStopsAtTheirLimits) {
  std::int8_t bytes[] = {-7, 7, 100, -100};
  auto* data = reinterpret_cast<std::byte*>(bytes);
  scale(data, data, 4, DataType::kInt8, 1.9);
  EXPECT_EQ(std::vector<int>(bytes, bytes + 4), (std::vector<int>{-13, 13, 127, -128}));

  std::uint64_t words[] = {10, ~0ull};
  data = reinterpret_cast<std::byte*>(words);
  scale(data, data, 2, DataType::kUint64, -1.0);
  EXPECT_EQ(std::vector<std::uint64_t>(words, words + 2), (std::vector<std::uint64_t>{0, 0}));
}

TEST(Divide, TruncatesIntegersOfEitherSign) {
  std::int32_t numbers[] = {-7, 7, 6, -6, 1};
  divide(reinterpret_cast<std::byte*>(numbers), 5, DataType::kInt32, 4);
  EXPECT_EQ(std::vector<std::int32_t>(numbers, numbers + 5),
            (std::vector<std::int32_t>{-1, 1, 1, -1, 0}));
}

TEST(Divide, TakesDivisorsThatTheTypeCannotHold) {
  std::uint8_t bytes[] = {255, 1};
  divide(reinterpret_cast<std::byte*>(bytes), 2, DataType::kUint8, 256);
  EXPECT_EQ(bytes[0], 0);
  std::uint64_t word = ~0ull;
  divide(reinterpret_cast<std::byte*>(&word), 1, DataType::kUint64, 2);
  EXPECT_EQ(word, ~0ull >> 1);
}

TEST(DivideDeathTest, RefusesFloats) {
  float number = 1;
  EXPECT_DEATH(divide(reinterpret_cast<std::byte*>(&number), 1, DataType::kFloat32, 2), "float");
}

}  // namespace
}  // namespace tutti
