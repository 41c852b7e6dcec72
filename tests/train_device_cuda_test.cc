// Tests examples/train/device: what accelerator.h promises, of this processor and, where there is
// one, of a GPU; and what stands behind the latter as far as it needs none: the layout of products,
// memory that is kept, places in a ring.
//
// ROOMS: train
// TIER: fast gpu
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "train/app/gpu.h"
#include "train/app/launch.h"
#include "train/array.h"
#include "train/device/cuda_accelerator.h"
#include "train/device/free_lists.h"
#include "train/device/product_layout.h"
#include "train/device/ring_places.h"
#include "train/failure.h"
#include "train/kernels/elements.h"
#include "train/numbers.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

// ---- Products ----

// `count` row-major matrices of so many rows, `stride` and `step` apart.
struct Numbers {
  long rows, columns, stride, step;
  bool is_bf16 = false;
  bool transposed = false;
  std::vector<float> floats;
  std::vector<Bf16> halves;

  Numbers(long r, long c, long count, const char* name, bool bf16, bool t)
      : rows(t ? c : r),
        columns(t ? r : c),
        stride(columns + 3),
        step(rows * stride + 5),
        is_bf16(bf16),
        transposed(t),
        floats(numbers<float>(count * step, name)) {
    for (float& number : floats) halves.emplace_back(number);
    for (std::size_t i = 0; is_bf16 && i < floats.size(); ++i) {
      floats[i] = static_cast<float>(halves[i]);
    }
  }
  std::size_t bytes() const { return floats.size() * (is_bf16 ? sizeof(Bf16) : sizeof(float)); }
  const void* data() const {
    return is_bf16 ? static_cast<const void*>(halves.data()) : floats.data();
  }
  DeviceMatrix matrix(const void* where) const {
    return {where, is_bf16, stride, transposed, step};
  }
};

struct ProductCase {
  bool a_transposed, b_transposed, is_bf16, c_is_bf16;
  float factor, keep;
  long m = 7, n = 5, k = 9, count = 3;
};

std::vector<ProductCase> product_cases() {
  std::vector<ProductCase> cases;
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      cases.push_back({a, b, false, false, 1, 0});
      cases.push_back({a, b, true, false, 0.5f, 1});
      cases.push_back({a, b, true, true, 1, 0});
    }
  }
  cases.push_back({false, true, true, false, 1, 1, 1, 64, 32, 1});
  cases.push_back({false, false, false, false, 2, 0.5f, 40, 1, 1, 2});
  return cases;
}

// Row by row, in double.
std::vector<double> plain_product(const ProductCase& p, const Numbers& a, const Numbers& b,
                                  const Numbers& c) {
  std::vector<double> result(c.floats.begin(), c.floats.end());
  const auto at = [](const Numbers& x, long i, long r, long s) {
    if (x.transposed) std::swap(r, s);
    return double{x.floats[i * x.step + r * x.stride + s]};
  };
  for (long i = 0; i < p.count; ++i) {
    for (long m = 0; m < p.m; ++m) {
      for (long n = 0; n < p.n; ++n) {
        double sum = 0;
        for (long k = 0; k < p.k; ++k) sum += at(a, i, m, k) * at(b, i, k, n);
        double& to = result[i * c.step + m * c.stride + n];
        to = p.factor * sum + p.keep * to;
      }
    }
  }
  return result;
}

// As cuBLASLt reads the description.
std::vector<double> column_product(const ColumnProduct& p, float factor, float keep,
                                   const Numbers& c) {
  std::vector<double> result(c.floats.begin(), c.floats.end());
  const auto at = [](const ColumnMatrix& x, long i, long r, long s) -> double {
    if (x.transposed) std::swap(r, s);
    EXPECT_LT(r, x.rows);
    EXPECT_LT(s, x.columns);
    const long place = i * x.step + s * x.stride + r;
    if (!x.is_bf16) return static_cast<const float*>(x.data)[place];
    return static_cast<float>(static_cast<const Bf16*>(x.data)[place]);
  };
  EXPECT_EQ(p.c.rows, p.m);
  EXPECT_EQ(p.c.columns, p.n);
  for (long i = 0; i < p.count; ++i) {
    for (long m = 0; m < p.m; ++m) {
      for (long n = 0; n < p.n; ++n) {
        double sum = 0;
        for (long k = 0; k < p.k; ++k) sum += at(p.a, i, m, k) * at(p.b, i, k, n);
        double& to = result[i * p.c.step + n * p.c.stride + m];
        to = factor * sum + keep * to;
      }
    }
  }
  return result;
}

struct Operands {
  Numbers a, b, c;
  explicit Operands(const ProductCase& p)
      : a(p.m, p.k, p.count, "a", p.is_bf16, p.a_transposed),
        b(p.k, p.n, p.count, "b", p.is_bf16, p.b_transposed),
        c(p.m, p.n, p.count, "c", p.c_is_bf16, false) {}
  DeviceProduct product(const ProductCase& p, const void* a_at, const void* b_at,
                        const void* c_at) const {
    return {p.m,    p.n, p.k, p.factor, a.matrix(a_at), b.matrix(b_at), p.keep, c.matrix(c_at),
            p.count};
  }
};

TEST(ProductLayout, IsTheSameProductColumnByColumn) {
  for (const ProductCase& p : product_cases()) {
    const Operands of(p);
    const DeviceProduct product = of.product(p, of.a.data(), of.b.data(), of.c.data());
    EXPECT_EQ(column_product(column_major(product), p.factor, p.keep, of.c),
              plain_product(p, of.a, of.b, of.c));
  }
}

TEST(ProductLayout, RefusesWhatIsNoProduct) {
  const float x = 0;
  const DeviceMatrix matrix{&x, false, 4};
  const auto expect_words = [](const DeviceProduct& product, const std::string& words) {
    try {
      column_major(product);
      ADD_FAILURE() << "expected: " << words;
    } catch (const Failure& failure) {
      EXPECT_NE(std::string(failure.what()).find(words), std::string::npos) << failure.what();
    }
  };
  expect_words({4, 4, 0, 1, matrix, matrix, 0, matrix}, "k 0");
  expect_words({2, 5, 4, 1, matrix, matrix, 0, matrix}, "rows of b are 4 elements apart");
  expect_words({4, 4, 4, 1, {&x, true, 4}, matrix, 0, matrix}, "one type");
  expect_words({4, 4, 4, 1, matrix, matrix, 0, {&x, true, 4}}, "one type");
}

TEST(ProductLayout, KnowsWhatAllMatricesAreAlignedTo) {
  const auto aligned = [](std::uintptr_t address, bool is_bf16, long step, long count) {
    return alignment_of(
        {.data = reinterpret_cast<const void*>(address), .is_bf16 = is_bf16, .step = step}, count);
  };
  EXPECT_EQ(aligned(4096, true, 0, 1), 256u);
  EXPECT_EQ(aligned(4096 + 24, true, 0, 1), 8u);
  EXPECT_EQ(aligned(4096, true, 5, 1), 256u);  // alone
  EXPECT_EQ(aligned(4096, true, 5, 2), 2u);
  EXPECT_EQ(aligned(4096, false, 5, 2), 4u);
  EXPECT_EQ(aligned(4096, true, 64, 2), 128u);
  EXPECT_EQ(aligned(4096 + 32, true, 64, 2), 32u);
}

// ---- Memory ----

// Bytes that are lent, up to a limit.
class Lender {
 public:
  explicit Lender(std::size_t limit) : left_(limit) {}
  FreeLists::Source source() {
    return {[this](std::size_t bytes) -> void* {
              if (bytes > left_) return nullptr;
              left_ -= bytes;
              void* const memory = ::operator new(1);
              lent_[memory] = bytes;
              ++calls;
              return memory;
            },
            [this](void* memory) {
              left_ += lent_.at(memory);
              lent_.erase(memory);
              ::operator delete(memory);
            }};
  }
  std::size_t lent() const { return lent_.size(); }

  int calls = 0;

 private:
  std::size_t left_;
  std::map<void*, std::size_t> lent_;
};

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST(FreeLists, LendAgainWhatCameBackIfItIsNotMuchTooLarge) {
  Lender lender(1000 * kMiB);
  FreeLists lists(lender.source());
  void* const first = lists.allocate(16 * kMiB);
  lists.release(first);
  EXPECT_EQ(lists.allocate(15 * kMiB), first);
  EXPECT_NE(lists.allocate(16 * kMiB), first);  // it is in use
  lists.release(first);
  EXPECT_NE(lists.allocate(8 * kMiB), first);  // too good for that
  EXPECT_EQ(lender.calls, 3);
}

TEST(FreeLists, CountWhatIsInUse) {
  Lender lender(1000 * kMiB);
  FreeLists lists(lender.source());
  void* const a = lists.allocate(100);
  EXPECT_EQ(lists.bytes_in_use(), 512u);
  lists.allocate(3 * kMiB);
  lists.release(a);
  EXPECT_EQ(lists.bytes_in_use(), 4 * kMiB);
  EXPECT_EQ(lists.most_in_use(), 4 * kMiB + 512);
}

TEST(FreeLists, GiveBackWhatIsKeptBeforeTheyFail) {
  Lender lender(10 * kMiB);
  {
    FreeLists lists(lender.source());
    void* const six = lists.allocate(6 * kMiB);
    EXPECT_EQ(lists.allocate(8 * kMiB), nullptr);
    lists.release(six);
    EXPECT_NE(lists.allocate(8 * kMiB), nullptr);
    EXPECT_EQ(lender.lent(), 1u);
  }
  EXPECT_EQ(lender.lent(), 0u);
}

TEST(RingPlaces, AreNeverInUseTwice) {
  RingPlaces<int> ring(100);
  std::map<int, std::pair<std::size_t, std::size_t>> used;
  int freed = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::size_t bytes = 1 + (i * 37) % 60;
    const std::size_t begin = ring.next(bytes, [&](int tag) {
      EXPECT_EQ(tag, freed++);  // the oldest first
      used.erase(tag);
    });
    EXPECT_LE(begin + bytes, 100u);
    for (const auto& [tag, place] : used) {
      EXPECT_TRUE(place.second <= begin || begin + bytes <= place.first) << i << " and " << tag;
    }
    used[i] = {begin, begin + bytes};
    ring.take(i);
    if (i % 7 != 0) continue;
    ring.retire([&](int tag) {
      const bool is_free = tag < i - 1;
      if (is_free) used.erase(freed++);
      return is_free;
    });
    EXPECT_LE(ring.taken(), 2u);
  }
}

// ---- Accelerators ----

std::unique_ptr<Accelerator> a_gpu() {
  try {
    return count_gpus() > 0 ? open_gpu(0) : nullptr;
  } catch (const Failure&) {
    return nullptr;
  }
}

using Make = std::function<std::unique_ptr<Accelerator>()>;
struct Maker {
  const char* name;
  Make make;  // answers none where it cannot be had
};
void PrintTo(const Maker& maker, std::ostream* out) { *out << maker.name; }

class Accelerators : public testing::TestWithParam<Maker> {
 protected:
  void SetUp() override {
    accelerator_ = GetParam().make();
    if (accelerator_ == nullptr) GTEST_SKIP() << "no GPU here";
  }
  void* put(const void* from, std::size_t bytes) {
    void* const there = accelerator_->allocate(bytes);
    accelerator_->write(there, from, bytes);
    return there;
  }

  std::unique_ptr<Accelerator> accelerator_;
};
INSTANTIATE_TEST_SUITE_P(All, Accelerators,
                         testing::Values(Maker{"processor", make_host_accelerator},
                                         Maker{"cuda", a_gpu}),
                         [](const auto& info) { return info.param.name; });

TEST_P(Accelerators, KeepWhatIsWrittenWhateverBecomesOfTheSource) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4099}, 21 * kMiB + 3}) {
    std::vector<unsigned char> source(bytes), expected(bytes), result(bytes);
    std::iota(source.begin(), source.end(), 1);
    expected = source;
    void* const first = put(source.data(), bytes);
    std::fill(source.begin(), source.end(), 0);
    void* const second = accelerator_->allocate(bytes);
    accelerator_->clear(second, bytes);
    accelerator_->copy(second, first, bytes / 2);
    accelerator_->read(result.data(), first, bytes);
    EXPECT_EQ(result, expected);
    std::fill(expected.begin() + static_cast<long>(bytes / 2), expected.end(), 0);
    accelerator_->read(result.data(), second, bytes);
    EXPECT_EQ(result, expected);
    accelerator_->release(first);
    accelerator_->release(second);
  }
  accelerator_->synchronize();
}

TEST_P(Accelerators, AlignMemory) {
  for (const std::size_t bytes : {1, 257, 5000}) {
    void* const memory = accelerator_->allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 256, 0u);
    accelerator_->release(memory);
  }
}

TEST_P(Accelerators, MultiplyMatrices) {
  for (const ProductCase& p : product_cases()) {
    Operands of(p);
    void* const a = put(of.a.data(), of.a.bytes());
    void* const b = put(of.b.data(), of.b.bytes());
    void* const c = put(of.c.data(), of.c.bytes());
    accelerator_->multiply(of.product(p, a, b, c));
    std::vector<std::byte> bytes(of.c.bytes());
    accelerator_->read(bytes.data(), c, bytes.size());
    const std::vector<double> expected = plain_product(p, of.a, of.b, of.c);
    const double tolerance = p.c_is_bf16 ? 1.0 / 256 : 1e-6;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double result = p.c_is_bf16
                                ? static_cast<float>(reinterpret_cast<Bf16*>(bytes.data())[i])
                                : reinterpret_cast<float*>(bytes.data())[i];
      ASSERT_NEAR(result, expected[i], tolerance * static_cast<double>(p.k)) << i;
    }
    for (void* memory : {a, b, c}) accelerator_->release(memory);
  }
}

TEST_P(Accelerators, RunKernels) {
  const UseAccelerator use(*accelerator_);
  constexpr long kCount = 100'003;
  const auto x = numbers<float>(kCount, "x"), y = numbers<float>(kCount, "y");
  Array<OnDevice<float>> sum(kCount), more(kCount);
  upload<OnDevice<float>>(x, sum);
  upload<OnDevice<float>>(y, more);
  add(kCount, sum.data(), more.data(), sum.data());
  std::vector<float> result(kCount);
  download<OnDevice<float>>(sum.data(), result);
  for (long i = 0; i < kCount; ++i) ASSERT_EQ(result[i], x[i] + y[i]) << i;
}

TEST_P(Accelerators, PutWorkBesideInOrderAndTellItsTimes) {
  if (accelerator_->is_host()) GTEST_SKIP() << "no streams";
  const auto beside = accelerator_->make_aside(false);
  const auto in_line = accelerator_->make_aside(true);
  EXPECT_NE(beside->begin(), accelerator_->stream());
  EXPECT_EQ(beside->end(), 1);
  beside->begin();
  EXPECT_EQ(beside->end(), 2);
  EXPECT_EQ(in_line->begin(), accelerator_->stream());
  EXPECT_EQ(in_line->end(), 1);
  beside->await(2);
  beside->await(1);
  beside->begin();  // never awaited
  const long last = beside->end();
  accelerator_->synchronize();
  const std::vector<PieceTimes> times = beside->take_times();
  ASSERT_EQ(times.size(), 2u);
  for (const PieceTimes& piece : times) {
    EXPECT_LE(piece.begin, piece.end);
    EXPECT_LE(piece.wait_begin, piece.wait_end);
    EXPECT_LT(piece.wait_end - piece.begin, std::chrono::seconds(10));
    EXPECT_LT(piece.wait_end, PieceTimes::Clock::now() + std::chrono::seconds(1));
  }
  EXPECT_EQ(in_line->take_times().size(), 1u);
  EXPECT_TRUE(beside->take_times().empty());
  while (!beside->ended(last)) {
  }
}

// ---- Ranks ----

TEST(RanksOnGpus, TakeThoseOfTheirHostInTurn) {
  const Formation formation{.host_of = {0, 0, 0, 1, 1, 0}};
  const int expected[] = {0, 1, 0, 0, 1, 1};
  for (int rank = 0; rank < 6; ++rank) {
    EXPECT_EQ(gpu_of_rank(formation, rank, 2), expected[rank]) << rank;
    EXPECT_EQ(gpu_of_rank(formation, rank, 1), 0);
  }
}

TEST(RanksOnGpus, MeetOnceMoreAsTheSameRanks) {
  on_mesh(mesh_of(2, 1, 1, 1), [](Groups& groups) {
    Group again(with_device(groups.world, -1));
    EXPECT_EQ(again.rank(), groups.world.rank());
    std::int32_t sum = again.rank() + 1;
    again.all_reduce(std::span(&sum, 1));
    EXPECT_EQ(sum, 3);
  });
}

TEST(RanksOnGpus, AllSayWhyOneHasNone) {
  const auto failures = run_on_mesh(mesh_of(2, 1, 1, 1), [](Groups& groups) {
    const RankOnGpu rank = to_gpu(groups.world);
    const auto gpu = rank.accelerator->name();
    throw Failure("rank 0: no GPU can be used: but there is " + gpu);  // where there is one
  });
  for (const std::string& failure : failures) {
    EXPECT_EQ(failure.find("rank 0: no GPU can be used: "), 0u) << failure;
  }
}

TEST(RunRanks, LetsKernelsWaitForEachOther) {
  for (const int threads : {0, 1}) {
    unsetenv("CUDA_MODULE_LOADING");
    unsetenv("CUDA_DEVICE_MAX_CONNECTIONS");
    run_ranks(threads, [](const Communicator&) {
      EXPECT_STREQ(std::getenv("CUDA_MODULE_LOADING"), "EAGER");
      EXPECT_STREQ(std::getenv("CUDA_DEVICE_MAX_CONNECTIONS"), "32");
    });
  }
}

TEST(Traffic, IsHiddenUntilItIsWaitedFor) {
  const auto at = [](int s) { return PieceTimes::Clock::time_point() + std::chrono::seconds(s); };
  Traffic traffic;
  traffic.count({.begin = at(10), .end = at(17), .wait_begin = at(12), .wait_end = at(17)});
  EXPECT_EQ(traffic.waited, 5);
  EXPECT_EQ(traffic.hidden, 2);
  traffic.count({.begin = at(10), .end = at(14), .wait_begin = at(20), .wait_end = at(20)});
  EXPECT_EQ(traffic.waited, 5);
  EXPECT_EQ(traffic.hidden, 6);
  traffic.count({.begin = at(15), .end = at(19), .wait_begin = at(12), .wait_end = at(19)});
  EXPECT_EQ(traffic.waited, 12);
  EXPECT_EQ(traffic.hidden, 6);
}

TEST(OpenGpu, SaysWhatIsMissing) {
  try {
    const int count = count_gpus();
    open_gpu(count);
    ADD_FAILURE() << "expected a failure";
  } catch (const Failure& failure) {
    const std::string words = failure.what();
    EXPECT_TRUE(words.find("no GPU can be used: ") == 0 || words.find("there are ") != words.npos)
        << words;
  }
}

}  // namespace
}  // namespace tutti::train
