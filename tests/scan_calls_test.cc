// Tests scan and exclusive_scan as callers see them (src/communicator, src/executor/cpu/reducer.cc,
// src/plan/cut.cc): with operations that do not commute, on elements of any size, in both
// directions. The expected value is computed rank by rank, from the definition.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "communicators.h"
#include "tutti/algorithms.h"

namespace tutti {
namespace {

using namespace test;

// 2x2 matrices of whole numbers, which wrap: the product is exact, and does not commute.
struct Matrix {
  std::array<std::uint32_t, 4> a;
  bool operator==(const Matrix&) const = default;
};

void multiply(const Matrix& earlier, Matrix& later) {
  const auto& x = earlier.a;
  const auto y = later.a;
  later.a = {x[0] * y[0] + x[1] * y[2], x[0] * y[1] + x[1] * y[3],  //
             x[2] * y[0] + x[3] * y[2], x[2] * y[1] + x[3] * y[3]};
}

Matrix matrix_of(int rank, std::size_t index) {
  const auto seed = static_cast<std::uint32_t>(index * 2654435761u + rank * 40503u);
  return {{seed | 1, seed >> 7, seed >> 13, seed >> 3 | 1}};
}

constexpr std::uint32_t kUntouched = 0xA5A5A5A5;

struct Asked {
  bool exclusive;
  Direction direction;
  bool in_place;
};

const std::vector<Asked> kAsked = [] {
  std::vector<Asked> all;
  for (const bool exclusive : {false, true}) {
    for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
      for (const bool in_place : {false, true}) all.push_back({exclusive, direction, in_place});
    }
  }
  return all;
}();

// The ranks whose operands the result of `rank` has, in their order.
std::vector<int> operands_of(const Asked& asked, int rank, int ranks) {
  const bool reverse = asked.direction == Direction::kReverse;
  const int place = reverse ? ranks - 1 - rank : rank;
  std::vector<int> order(place + (asked.exclusive ? 0 : 1));
  for (int p = 0; p < static_cast<int>(order.size()); ++p) order[p] = reverse ? ranks - 1 - p : p;
  return order;
}

Call call_of(const Asked& asked, ConstBuffer in, Buffer out, ReduceOp op) {
  return asked.exclusive ? exclusive_scan(in, out, op, asked.direction)
                         : scan(in, out, op, asked.direction);
}

template <class T>
std::span<std::byte> bytes_of(std::span<T> elements) {
  return std::as_writable_bytes(elements);
}

void check_product(std::span<const Matrix> out, const Asked& asked, int rank, int ranks) {
  const std::vector<int> order = operands_of(asked, rank, ranks);
  for (std::size_t i = 0; i < out.size(); ++i) {
    Matrix product;
    product.a.fill(kUntouched);
    if (order.empty() && asked.in_place) product = matrix_of(rank, i);
    for (std::size_t p = 0; p < order.size(); ++p) {
      Matrix next = matrix_of(order[p], i);
      if (p > 0) multiply(product, next);
      product = next;
    }
    ASSERT_EQ(out[i], product) << "at " << i;
  }
}

void run_product(Communicator& comm, const Asked& asked, std::span<Matrix> in,
                 std::span<Matrix> out) {
  SCOPED_TRACE(testing::Message() << comm.ranks() << " ranks, rank " << comm.rank() << ", "
                                  << in.size() << (asked.exclusive ? " exclusive" : "")
                                  << (asked.direction == Direction::kReverse ? " reverse" : "")
                                  << (asked.in_place ? " in place" : ""));
  for (Matrix& m : out) m.a.fill(kUntouched);
  std::span<Matrix> from = asked.in_place ? out : in;
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = matrix_of(comm.rank(), i);
  ASSERT_OK(comm.run(
      call_of(asked, bytes_of(from), bytes_of(out), ReduceOp::ordered<Matrix, multiply>())));
  check_product(out, asked, comm.rank(), comm.ranks());
  if (asked.in_place) return;
  for (std::size_t i = 0; i < in.size(); ++i) ASSERT_EQ(in[i], matrix_of(comm.rank(), i));
}

void run_products(Communicator& comm, std::initializer_list<std::size_t> counts) {
  for (const std::size_t count : counts) {
    std::vector<Matrix> in(count), out(count);
    for (const Asked& asked : kAsked) run_product(comm, asked, in, out);
  }
}

TEST(Scan, OfMatricesIsTheProductInRankOrder) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    on_ranks(ranks, [](Communicator& comm) { run_products(comm, {0, 1, 2, 7, 1000, 20'001}); });
  }
}

TEST(Scan, OfMatricesIsRightByEveryAlgorithmInTinyPieces) {
  for (const char* algorithm : {"ring", "recursive_doubling"}) {
    Options options = patient_options();
    options.algorithm = algorithm;
    options.tile_bytes = 100;  // no multiple of an element
    options.lanes = 3;
    on_ranks(5, options, [&](Communicator& comm) {
      run_products(comm, {1, 50, 777});
      EXPECT_EQ(comm.explain().algorithm, algorithm);
    });
  }
}

TEST(Scan, OfAllocatedMemoryIsDoneWhereItLies) {
  constexpr std::size_t kCount = 5000;
  on_ranks(4, [](Communicator& comm) {
    Result<Memory> in = comm.allocate(kCount * sizeof(Matrix));
    Result<Memory> out = comm.allocate(kCount * sizeof(Matrix));
    ASSERT_OK(in.status());
    ASSERT_OK(out.status());
    for (const Asked& asked : kAsked) {
      run_product(comm, asked, in->as<Matrix>(kCount), out->as<Matrix>(kCount));
      EXPECT_TRUE(comm.explain().mapped);
    }
  });
}

// ---- rows {decay, state[…]} of a length known at run time, as state passing has them

struct Row {
  std::size_t length = 0;  // floats, the decay among them
};

// later = later after earlier: states decay, and add up.
void pass_state(const void* src, void* dst, std::size_t count, DataType type, void* context) {
  ASSERT_EQ(type, DataType::kFloat32);
  const std::size_t length = static_cast<const Row*>(context)->length;
  const auto* earlier = static_cast<const float*>(src);
  auto* later = static_cast<float*>(dst);
  for (std::size_t row = 0; row < count; ++row, earlier += length, later += length) {
    for (std::size_t i = 1; i < length; ++i) later[i] += later[0] * earlier[i];
    later[0] *= earlier[0];
  }
}

float decay_of(int rank) { return std::ldexp(1.0F, -(rank % 2)); }
float state_of(int rank, std::size_t i) { return static_cast<float>((i * 7 + rank * 3) % 5); }

std::vector<float> rows_of(int rank, std::size_t rows, std::size_t length) {
  std::vector<float> data(rows * length);
  for (std::size_t i = 0; i < data.size(); ++i) {
    data[i] = i % length == 0 ? decay_of(rank) : state_of(rank, i);
  }
  return data;
}

// Sums of few bits: exact in any association.
std::vector<float> expected_rows(const Asked& asked, int rank, int ranks, std::size_t rows,
                                 Row& row) {
  std::vector<float> result;
  for (const int operand : operands_of(asked, rank, ranks)) {
    std::vector<float> next = rows_of(operand, rows, row.length);
    if (!result.empty()) {
      pass_state(result.data(), next.data(), rows, DataType::kFloat32, &row);
    }
    result = std::move(next);
  }
  return result;
}

void run_rows(Communicator& comm, std::size_t rows, std::size_t length) {
  Row row{length};
  const ReduceOp op = ReduceOp::ordered(length * sizeof(float), pass_state, &row);
  const std::vector<float> in = rows_of(comm.rank(), rows, length);
  for (const Asked& asked : kAsked) {
    if (asked.in_place) continue;
    SCOPED_TRACE(testing::Message() << rows << " rows of " << length << ", rank " << comm.rank());
    std::vector<float> out(in.size(), -1);
    ASSERT_OK(comm.run(call_of(asked, in, out, op)));
    const auto expected = expected_rows(asked, comm.rank(), comm.ranks(), rows, row);
    ASSERT_EQ(out, expected.empty() ? std::vector<float>(in.size(), -1) : expected);
  }
}

// Shorter than a line, of no round size, longer than a tile.
TEST(Scan, NeverCutsAnElement) {
  for (const char* algorithm : {"ring", "recursive_doubling"}) {
    Options options = patient_options();
    options.algorithm = algorithm;
    on_ranks(4, options, [](Communicator& comm) {
      for (const std::size_t length : {3, 13, 65, 1000, 20'000, 50'001}) {
        for (const std::size_t rows : {0, 1, 2, 9}) run_rows(comm, rows, length);
      }
    });
  }
}

TEST(Scan, SaysWhenAnElementIsTooLargeForTheScratchMemory) {
  Options options = patient_options();
  options.scratch_bytes = 64 << 10;
  on_ranks(2, options, [](Communicator& comm) {
    Row row{50'000};
    std::vector<float> in(50'000), out(50'000);
    const Status status =
        comm.scan(in, out, ReduceOp::ordered(in.size() * sizeof(float), pass_state, &row));
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_NE(status.message().find("scratch_bytes: 65536: expected at least"), std::string::npos)
        << status.message();
    std::vector<float> small_in(8, 1), small_out(8);
    EXPECT_OK(comm.scan(small_in, small_out));
  });
}

// ---- without waiting

TEST(Scan, RunsWhileItsCallerDoesSomethingElse) {
  constexpr std::size_t kCount = 40'000;
  on_ranks(3, [](Communicator& comm) {
    std::vector<std::vector<Matrix>> outs;
    std::vector<Request> requests;
    std::vector<Matrix> in(kCount);
    for (std::size_t i = 0; i < kCount; ++i) in[i] = matrix_of(comm.rank(), i);
    for (const Asked& asked : kAsked) {
      outs.emplace_back(in);
      if (!asked.in_place) {
        for (Matrix& m : outs.back()) m.a.fill(kUntouched);
      }
      std::span<Matrix> out = outs.back();
      Result<Request> request =
          comm.start(call_of(asked, bytes_of(asked.in_place ? out : std::span(in)), bytes_of(out),
                             ReduceOp::ordered<Matrix, multiply>()));
      ASSERT_OK(request.status());
      requests.push_back(std::move(*request));
    }
    ASSERT_OK(wait_all(requests));
    for (std::size_t i = 0; i < kAsked.size(); ++i) {
      check_product(outs[i], kAsked[i], comm.rank(), comm.ranks());
    }
  });
}

TEST(Scan, OfTheLibrarysReductionsCountsRanksUp) {
  on_ranks(4, [](Communicator& comm) {
    const std::vector<int> in(10, comm.rank() + 1);
    std::vector<int> out(10, -1);
    ASSERT_OK(comm.scan(in, out));
    EXPECT_EQ(out, std::vector<int>(10, (comm.rank() + 1) * (comm.rank() + 2) / 2));
    ASSERT_OK(comm.scan(in, out, Reduction::kMax, Direction::kReverse));
    EXPECT_EQ(out, std::vector<int>(10, 4));
    ASSERT_OK(comm.exclusive_scan(in, out, ReduceOp::pre_mul_sum(2)));
    EXPECT_EQ(out, std::vector<int>(10, comm.rank() == 0 ? 4 : comm.rank() * (comm.rank() + 1)));
  });
}

// The first rank's output may be anything at all.
TEST(ExclusiveScan, WantsNoOutputOfTheFirstRank) {
  on_ranks(3, [](Communicator& comm) {
    const std::vector<int> in(5, 1);
    std::vector<int> out(5, 7);
    ASSERT_OK(comm.exclusive_scan(in, comm.rank() == 0 ? Buffer() : Buffer(out)));
    EXPECT_EQ(out, std::vector<int>(5, comm.rank() == 0 ? 7 : comm.rank()));
  });
}

// ---- what ranks must agree on

TEST(Scan, RanksThatDifferAreTold) {
  const auto expect_mismatch = [](auto call_of_rank, const char* words) {
    on_ranks(2, [&](Communicator& comm) {
      std::vector<float> in(48), out(48);
      Status status = comm.run(call_of_rank(comm.rank(), in, out));
      // Who has nothing to wait for learns of it in the next call.
      if (status.ok()) status = comm.barrier();
      EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
      EXPECT_NE(status.message().find(words), std::string::npos) << status.message();
    });
  };
  expect_mismatch(
      [](int rank, auto& in, auto& out) {
        return scan(in, out, {}, rank == 0 ? Direction::kForward : Direction::kReverse);
      },
      "scan #1 (float, 48, sum, reverse)");
  expect_mismatch(
      [](int rank, auto& in, auto& out) {
        return scan(in, out, ReduceOp::ordered(rank == 0 ? 16 : 48, pass_state));
      },
      "scan #1 (float, 4, user on elements of 48 bytes)");
}

}  // namespace
}  // namespace tutti
