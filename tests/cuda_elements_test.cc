// ROOMS: executor
// TIER: fast
// SANITIZERS: address
//
// Tests src/executor/cuda/{packs,elements,combine}.h as compiled for the CPU: every type and
// operation against the CPU's kernels, which have a scalar reference of their own; bit by bit.

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "executor/cpu/kernels.h"
#include "executor/cuda/combine.h"

namespace tutti::cuda {
namespace {

constexpr int kRanks = 5;

// Any bits, and often ones near which something happens: zeros of both signs, infinities, NaN,
// equal and opposite numbers, subnormals.
std::vector<std::byte> random_bytes(DataType type, std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  const std::size_t size = size_of(type);
  const int width = 8 * static_cast<int>(size);
  std::vector<std::byte> bytes(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = random();
    const std::uint64_t sign = bits >> 63 << (width - 1);
    if (random() % 4 == 0) bits = sign;
    if (random() % 8 == 0) bits = sign | random() % 4;
    if (random() % 8 == 0) bits = sign | 0x3f3f3f3f3f3f3f3full >> (64 - width);
    if (random() % 8 == 0) bits = sign | 0x7f80ull << 48 >> (64 - width);
    if (random() % 8 == 0) bits = sign | 0x7fffffffffffffffull >> (64 - width);
    std::memcpy(bytes.data() + i * size, &bits, size);
  }
  return bytes;
}

std::vector<std::vector<std::byte>> random_inputs(DataType type, std::size_t count) {
  std::vector<std::vector<std::byte>> inputs;
  for (unsigned r = 0; r < kRanks; ++r) inputs.push_back(random_bytes(type, count, r + 1));
  return inputs;
}

// What the CPU makes of it: scales, reduces, divides.
std::vector<std::byte> expected(DataType type, const Arithmetic& how,
                                std::vector<std::vector<std::byte>> inputs) {
  const std::size_t count = inputs[0].size() / size_of(type);
  std::vector<const std::byte*> sources;
  for (std::vector<std::byte>& input : inputs) {
    if (how.factor != 1.0) scale(input.data(), input.data(), count, type, how.factor);
    sources.push_back(input.data());
  }
  std::vector<std::byte> result(inputs[0].size());
  std::byte* target = result.data();
  const Kernel kernel = find_kernel(type, how.reduction, Isa::kPortable).value();
  kernel({.sources = sources.data(),
          .source_count = static_cast<int>(sources.size()),
          .targets = &target,
          .target_count = 1,
          .count = count});
  if (how.divisor != 1) divide(target, count, type, how.divisor);
  return result;
}

template <class Combine, int kBytes>
std::vector<std::byte> combine(const Arithmetic& how,
                               const std::vector<std::vector<std::byte>>& inputs) {
  const Combine combine(how);
  std::vector<std::byte> result(inputs[0].size());
  for (std::size_t at = 0; at < result.size(); at += kBytes) {
    const auto pack_of = [&](const std::vector<std::byte>& input) {
      return combine.contribution(load_pack<kBytes>(input.data() + at));
    };
    auto total = Elements<Combine::kElementType, kBytes>::of(pack_of(inputs[0]));
    for (std::size_t r = 1; r < inputs.size(); ++r) combine.add(total, pack_of(inputs[r]));
    store_pack(result.data() + at, combine.result(total));
  }
  return result;
}

template <class Combine>
void check(const Arithmetic& how) {
  constexpr DataType kType = Combine::kElementType;
  SCOPED_TRACE(std::string(name(kType)) + " " + std::string(name(how.reduction)));
  const auto inputs = random_inputs(kType, 6000);
  const std::vector<std::byte> result = expected(kType, how, inputs);
  EXPECT_EQ((combine<Combine, 16>(how, inputs)), result);
  EXPECT_EQ((combine<Combine, 8>(how, inputs)), result);
  EXPECT_EQ((combine<Combine, static_cast<int>(size_of(kType))>(how, inputs)), result);
}

// Calls f.operator()<kType>() for all types.
template <class Function>
void for_types(Function f) {
#define TUTTI_TYPE(word, type) f.template operator()<DataType::type>();
  TUTTI_CUDA_TYPES(TUTTI_TYPE)
#undef TUTTI_TYPE
}

TEST(CudaElements, PlainSumsHaveTheBitsOfTheCpu) {
  for_types([]<DataType kType>() { check<PlainSum<kType>>({}); });
}

TEST(CudaElements, EveryOperationHasTheBitsOfTheCpu) {
  int checked = 0;
  for_types([&]<DataType kType>() {
    for (int reduction = 0; reduction < kReductions; ++reduction) {
      const Arithmetic how{.reduction = static_cast<Reduction>(reduction)};
      if (!find_kernel(kType, how.reduction, Isa::kPortable).ok()) continue;
      check<AnyReduction<kType>>(how);
      ++checked;
    }
  });
  EXPECT_EQ(checked, 8 * 12 + 6 * 9);  // integers; floats, which have no bitwise ones
}

TEST(CudaElements, ScalesBeforeTheSumAndRoundsInBetween) {
  for_types([]<DataType kType>() {
    for (const double factor : {1.0 / 3, -2.5, 1e-3, 1e30}) {
      check<AnyReduction<kType>>({.reduction = Reduction::kPreMulSum, .factor = factor});
    }
  });
}

TEST(CudaElements, DividesIntegersThatHaveWrapped) {
  for_types([]<DataType kType>() {
    if (is_float(kType)) return;
    for (const std::int64_t divisor : {2, 3, 300}) {
      check<AnyReduction<kType>>({.reduction = Reduction::kAvg, .divisor = divisor});
    }
  });
}

TEST(CudaElements, WidensAndRoundsEveryPatternAsTheCpuDoes) {
  for_types([]<DataType kType>() {
    if constexpr (size_of(kType) <= 2) {
      constexpr int kSize = static_cast<int>(size_of(kType));
      std::vector<std::byte> all((std::size_t{1} << (8 * kSize)) * kSize);
      for (std::size_t i = 0; i < all.size() / kSize; ++i) std::memcpy(&all[i * kSize], &i, kSize);
      std::vector<std::byte> zeros(all.size());
      const std::vector<std::vector<std::byte>> inputs = {all, zeros};
      EXPECT_EQ((combine<PlainSum<kType>, 16>({}, inputs)), expected(kType, {}, inputs))
          << name(kType);
    }
  });
}

}  // namespace
}  // namespace tutti::cuda
