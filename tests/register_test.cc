// Tests src/communicator/register.cc: memory of the caller that peers reach for a while.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "communicators.h"

namespace tutti {
namespace {

using namespace test;

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
constexpr std::size_t kBytes = std::size_t{1} << 20;

/// Private memory from mmap.
class Pages {
 public:
  explicit Pages(std::size_t bytes, int flags = MAP_PRIVATE, int access = PROT_READ | PROT_WRITE)
      : bytes_(bytes),
        data_(static_cast<std::byte*>(mmap(nullptr, bytes, access, flags | MAP_ANONYMOUS, -1, 0))) {
  }
  ~Pages() { munmap(data_, bytes_); }
  Pages(const Pages&) = delete;

  std::span<std::byte> bytes() const { return {data_, bytes_}; }
  std::span<int> ints() const { return {reinterpret_cast<int*>(data_), bytes_ / sizeof(int)}; }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

bool all_are(std::span<const int> data, int value) {
  return std::all_of(data.begin(), data.end(), [&](int x) { return x == value; });
}

TEST(RegisteredMemory, KeepsItsContentsBothWays) {
  on_ranks(2, [](Communicator& comm) {
    Pages pages(kBytes);
    const std::span<int> data = pages.ints();
    std::iota(data.begin(), data.end(), comm.rank());
    {
      Result<Memory> memory = comm.register_memory(pages.bytes());
      ASSERT_OK(memory.status());
      EXPECT_EQ(memory->data(), pages.bytes().data());
      EXPECT_EQ(memory->bytes(), kBytes);
      EXPECT_EQ(data[0], comm.rank());
      EXPECT_EQ(data.back(), static_cast<int>(data.size()) - 1 + comm.rank());
      data[7] = 77;
    }
    EXPECT_EQ(data[7], 77);
    EXPECT_EQ(data.back(), static_cast<int>(data.size()) - 1 + comm.rank());
    data[7] = 78;  // private again, and writable
  });
}

TEST(RegisteredMemory, IsUsedInPlaceByPeers) {
  for (const int ranks : {2, 4}) {
    on_ranks(ranks, [](Communicator& comm) {
      Pages pages(kBytes);
      const std::span<int> data = pages.ints();
      Result<Memory> memory = comm.register_memory(pages.bytes());
      ASSERT_OK(memory.status());
      std::fill(data.begin(), data.end(), 1);
      ASSERT_OK(comm.all_reduce(data, data));
      EXPECT_TRUE(comm.explain().mapped);
      EXPECT_TRUE(all_are(data, comm.ranks()));
      // A piece in the middle, out of place.
      const std::span<int> in = data.subspan(1001, 20'000), out = data.subspan(100'001, 20'000);
      ASSERT_OK(comm.all_reduce(in, out, Reduction::kMax));
      EXPECT_TRUE(comm.explain().mapped);
      EXPECT_TRUE(all_are(out, comm.ranks()));
    });
  }
}

TEST(RegisteredMemory, IsPlainMemoryAgainAfterwards) {
  on_ranks(2, [](Communicator& comm) {
    Pages pages(kBytes);
    const std::span<int> data = pages.ints();
    for (int round = 0; round < 3; ++round) {
      std::fill(data.begin(), data.end(), 1);
      Result<Memory> memory = comm.register_memory(pages.bytes());
      ASSERT_OK(memory.status());
      ASSERT_OK(comm.all_reduce(data, data));
      EXPECT_TRUE(comm.explain().mapped);
      *memory = Memory();
      memory = Result<Memory>(Memory());
      ASSERT_OK(comm.all_reduce(data, data));
      EXPECT_FALSE(comm.explain().mapped);
      EXPECT_TRUE(all_are(data, 4));
    }
  });
}

TEST(RegisteredMemory, MayComeFromMallocAndGoBackThere) {
  on_ranks(2, [](Communicator& comm) {
    for (const std::size_t bytes : {kPage, 16 * kPage, kBytes}) {
      std::unique_ptr<void, void (*)(void*)> owner(std::aligned_alloc(kPage, bytes), std::free);
      const std::span<std::byte> raw(static_cast<std::byte*>(owner.get()), bytes);
      const std::span<int> data(reinterpret_cast<int*>(raw.data()), bytes / sizeof(int));
      std::fill(data.begin(), data.end(), 3);
      Result<Memory> memory = comm.register_memory(raw);
      ASSERT_OK(memory.status());
      ASSERT_OK(comm.all_reduce(data, data));
      EXPECT_TRUE(all_are(data, 6));
    }
  });
}

TEST(RegisteredMemory, OfSeveralPiecesAndSizesIsFoundApart) {
  on_ranks(3, [](Communicator& comm) {
    Pages small(16 * kPage), large(kBytes + comm.rank() * kPage), plain(16 * kPage);
    Result<Memory> first = comm.register_memory(small.bytes());
    Result<Memory> second = comm.register_memory(large.bytes());
    ASSERT_OK(first.status());
    ASSERT_OK(second.status());
    const std::span<int> a = small.ints(), b = large.ints().first(a.size()), c = plain.ints();
    std::fill(a.begin(), a.end(), 1);
    ASSERT_OK(comm.all_reduce(a, b));
    EXPECT_TRUE(comm.explain().mapped);
    EXPECT_TRUE(all_are(b, 3));
    ASSERT_OK(comm.all_reduce(b, c));
    EXPECT_FALSE(comm.explain().mapped);
    EXPECT_TRUE(all_are(c, 9));
  });
}

// Some ranks in registered memory, others not: nobody can use it in place, all get their results.
TEST(RegisteredMemory, OfSomeRanksIsRightAnyway) {
  on_ranks(3, [](Communicator& comm) {
    Pages pages(kBytes), plain(kBytes);
    const bool mine = comm.rank() != 1;
    Result<Memory> memory = comm.register_memory(mine ? pages.bytes() : std::span<std::byte>());
    ASSERT_OK(memory.status());
    const std::span<int> data = mine ? pages.ints() : plain.ints();
    std::fill(data.begin(), data.end(), 1);
    ASSERT_OK(comm.all_reduce(data, data));
    EXPECT_FALSE(comm.explain().mapped);
    EXPECT_TRUE(all_are(data, 3));
    // Only the root's and the readers' own outputs count.
    ASSERT_OK(comm.broadcast(data, data, 0));
    EXPECT_TRUE(all_are(data, 3));
  });
}

TEST(RegisteredMemory, BetweenProcesses) {
  Rendezvous rendezvous;
  const std::vector<int> codes = run_ranks_as_processes(4, [&](int rank) {
    Result<Communicator> comm = rendezvous.meet(rank, 4, patient_options());
    if (!comm.ok()) return 2;
    Pages pages(kBytes);
    const std::span<int> data = pages.ints();
    std::fill(data.begin(), data.end(), rank);
    Result<Memory> memory = comm->register_memory(pages.bytes());
    if (!memory.ok() || !comm->all_reduce(data, data).ok()) return 3;
    return comm->explain().mapped && all_are(data, 6) ? 0 : 4;
  });
  EXPECT_EQ(codes, std::vector<int>(4, 0));
}

TEST(RegisteredMemory, MayBeGivenUpWhileACallRuns) {
  on_ranks(2, [](Communicator& comm) {
    Pages pages(kBytes);
    const std::span<int> data = pages.ints();
    std::fill(data.begin(), data.end(), 1);
    Result<Memory> memory = comm.register_memory(pages.bytes());
    ASSERT_OK(memory.status());
    if (comm.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    Result<Request> request = comm.start(all_reduce(data, data));
    ASSERT_OK(request.status());
    { const Memory gone = std::move(*memory); }
    EXPECT_TRUE(request->test());
    EXPECT_TRUE(all_are(data, 2));
  });
}

void expect_refusal(Communicator& comm, std::span<std::byte> memory,
                    const std::vector<std::string>& words) {
  // The last rank's memory is good, and it learns that another's is not.
  Pages good(kPage);
  const bool last = comm.rank() == comm.ranks() - 1;
  const Status status = comm.register_memory(last ? good.bytes() : memory).status();
  EXPECT_EQ(status.code(), last ? Code::kSystem : Code::kInvalidArgument) << status.to_string();
  for (const std::string& word : words) {
    if (last) break;
    EXPECT_NE(status.message().find(word), std::string::npos)
        << "\"" << word << "\" is not in: " << status.message();
  }
  int one = 1, sum = 0;
  EXPECT_OK(comm.all_reduce(std::span(&one, 1), std::span(&sum, 1)));
  EXPECT_EQ(sum, comm.ranks());
}

TEST(RegisterMemory, RefusesWhatItCannotMapOver) {
  on_ranks(2, [](Communicator& comm) {
    const std::string page = "the page size, " + std::to_string(kPage);
    Pages pages(4 * kPage), shared(kPage, MAP_SHARED), fixed(kPage, MAP_PRIVATE, PROT_READ);
    pages.bytes()[0] = std::byte{1};
    expect_refusal(comm, pages.bytes().subspan(8, kPage), {"4096 bytes at 0x", page});
    expect_refusal(comm, pages.bytes().first(kPage + 1), {"4097 bytes at 0x", page});
    expect_refusal(comm, shared.bytes(), {"\"rw-s\"", "expected private memory"});
    expect_refusal(comm, fixed.bytes(), {"\"r--p\"", "expected private memory"});
    std::byte* const nowhere = reinterpret_cast<std::byte*>(32 * kPage);
    expect_refusal(comm, {nowhere, kPage}, {"\"none\"", "expected private memory"});
    EXPECT_EQ(pages.bytes()[0], std::byte{1});
  });
}

TEST(RegisterMemory, RefusesMemoryThatIsSharedAlready) {
  on_ranks(2, [](Communicator& comm) {
    Pages pages(4 * kPage);
    Result<Memory> registered = comm.register_memory(pages.bytes());
    ASSERT_OK(registered.status());
    expect_refusal(comm, pages.bytes().subspan(kPage, kPage), {"\"rw-s\""});
    Result<Memory> allocated = comm.allocate(kPage);
    ASSERT_OK(allocated.status());
    expect_refusal(comm, {allocated->data(), kPage}, {"\"rw-s\""});
  });
}

TEST(RegisterMemory, TellsAllRanksWhenTheHeapIsFull) {
  Options options = patient_options();
  options.heap_bytes = 1 << 20;
  on_ranks(2, options, [](Communicator& comm) {
    Pages pages(2 << 20), small(kPage);
    const bool large = comm.rank() == 0;
    const Status status = comm.register_memory(large ? pages.bytes() : small.bytes()).status();
    EXPECT_EQ(status.code(), Code::kSystem);
    const char* word = large ? "largest free piece of the heap (option heap_bytes) has 1048576"
                             : "another rank could not";
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  });
}

}  // namespace
}  // namespace tutti
