// Calls on devices' memory between hosts that pass host memory by: device_annex.cc, executor/cpu's
// annex.h, and how DeviceCalls and HostRoute choose. Devices are made of threads, so that UCX moves
// their memory by TCP; that calls are right so is enqueue_test.cc's.
//
// ROOMS: communicator
// TIER: fast
// SANITIZERS: thread

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <numeric>
#include <string>
#include <vector>

#include "cases.h"
#include "communicator/device_calls.h"
#include "device_communicators.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/visit_kernels.h"
#include "pipe_bootstrap.h"
#include "processes.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

bool contains(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

RanksOnDevices directly(const std::vector<int>& host_of, bool kernels = false) {
  RanksOnDevices made{.host_of = host_of};
  made.options.gpudirect = true;
  if (!kernels) return made;
  for (const auto some : {cuda::fast_thread_kernels(), cuda::visit_thread_kernels()}) {
    made.kernels.insert(made.kernels.end(), some.begin(), some.end());
  }
  return made;
}

std::vector<int> numbers(int first, std::size_t count) {
  std::vector<int> all(count);
  std::iota(all.begin(), all.end(), 1'000'000 * first);
  return all;
}

// Bytes that went through pinned memory during a call, here.
std::uint64_t bytes_of(RankOnDevice& rank, const Case& one) {
  const std::uint64_t before = rank.device.bytes_through_host();
  CaseRunner(one, rank.comm, [&](const Call& call) { return run_on_device(rank, call); }).run();
  return rank.device.bytes_through_host() - before;
}

TEST(GpuDirect, WhatOnlyMovesPassesHostMemoryBy) {
  on_devices(directly({0, 1, 2}), [](RankOnDevice& rank) {
    for (const Collective collective :
         {Collective::kAllGather, Collective::kAllToAll, Collective::kBroadcast,
          Collective::kGather, Collective::kScatter}) {
      int turn = 0;
      for (const std::size_t count : {1, 1, 7, 3001, 100'001}) {  // the last in several pieces
        const InPlace in_place = turn++ % 2 == 0 ? InPlace::kEverybody : InPlace::kNobody;
        const Case one{collective, DataType::kFloat64, {}, count, 1, in_place};
        EXPECT_EQ(bytes_of(rank, one), 0u) << one.to_string();
        EXPECT_EQ(rank.comm.explain().algorithm, "GPUDirect");
        EXPECT_TRUE(contains(rank.comm.explain().transports, "ucx"));
      }
    }
    for (const Collective collective :
         {Collective::kAllReduce, Collective::kReduceScatter, Collective::kReduce}) {
      const Case one{collective, DataType::kInt16, {}, 3001};
      EXPECT_GT(bytes_of(rank, one), 3001u) << one.to_string();
      EXPECT_EQ(rank.comm.explain().algorithm, "through host memory");
    }
  });
}

TEST(GpuDirect, MessagesPassHostMemoryByWhereTheirRanksAreOnTwoHosts) {
  on_devices(directly({0, 1, 1}), [](RankOnDevice& rank) {
    const int me = rank.comm.rank();
    for (const auto& [from, to] : {std::pair{0, 1}, {2, 0}, {1, 2}}) {
      const std::vector<int> text = numbers(from, 500'001);
      DeviceBuffer<int> sent(rank, text), got(rank, text.size());
      if (me == from) ASSERT_OK(rank.comm.enqueue(send(sent.all(), to), rank.stream));
      if (me == to) ASSERT_OK(rank.comm.enqueue(receive(got.all(), from), rank.stream));
      ASSERT_OK(rank.synchronize());
      if (me == to) EXPECT_EQ(got.values(), text);
      const bool is_mine = me == from || me == to, is_near = from == 1;
      EXPECT_EQ(rank.device.bytes_through_host(),
                is_mine && is_near ? text.size() * sizeof(int) : 0)
          << from << " to " << to;
      if (!is_mine) continue;
      EXPECT_EQ(rank.comm.explain().algorithm, is_near ? "through host memory" : "GPUDirect");
    }
  });
}

TEST(GpuDirect, CountsMayDifferBetweenRanks) {
  on_devices(directly({0, 1, 2}), [](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    const std::vector<std::size_t> counts = {300'001, 0, 7};
    std::vector<int> all, received(300'008);
    for (int r = 0; r < n; ++r) {
      const std::vector<int> part = numbers(r, counts[r]);
      all.insert(all.end(), part.begin(), part.end());
    }
    ASSERT_OK(run_on_device(rank, all_gather_v(numbers(me, counts[me]), received, counts)));
    EXPECT_EQ(received, all);

    // To each rank as much as its count, from all.
    std::vector<int> sent, expected, got(n * counts[me]);
    for (int r = 0; r < n; ++r) {
      const std::vector<int> out = numbers(10 * me + r, counts[r]);
      const std::vector<int> in = numbers(10 * r + me, counts[me]);
      sent.insert(sent.end(), out.begin(), out.end());
      expected.insert(expected.end(), in.begin(), in.end());
    }
    const std::vector<std::size_t> mine(n, counts[me]);
    ASSERT_OK(run_on_device(rank, all_to_all_v(sent, counts, got, mine)));
    EXPECT_EQ(got, expected);
    EXPECT_EQ(rank.device.bytes_through_host(), 0u);
  });
}

// What rails carry; reductions between them are the processor's.
TEST(GpuDirect, RailsOfTwoLevelsPassHostMemoryBy) {
  on_devices(directly({0, 0, 1, 1}, /*kernels=*/true), [](RankOnDevice& rank) {
    const auto run = [&](Collective collective) {
      const std::uint64_t before = rank.device.flushes();
      // Kernels that wait copy: no stream does.
      EXPECT_EQ(bytes_of(rank, {collective, DataType::kInt32, {}, 100'003, 1}), 0u);
      return rank.device.flushes() > before;
    };
    EXPECT_TRUE(run(Collective::kAllGather));  // what peers have put
    run(Collective::kBroadcast);
    EXPECT_EQ(rank.comm.explain().algorithm,
              "two levels: kernels inside hosts, GPUDirect between them");
    EXPECT_FALSE(run(Collective::kAllReduce));
    EXPECT_TRUE(contains(rank.comm.explain().algorithm, "through host memory between them"));
  });
}

// Lanes of both memories in one group, and calls that reduce between calls that do not.
TEST(GpuDirect, GroupsHoldBoth) {
  on_devices(directly({0, 1}), [](RankOnDevice& rank) {
    const int me = rank.comm.rank();
    constexpr std::size_t kCount = 700'001;
    DeviceBuffer<int> all(rank, 2 * kCount), mine(rank, numbers(me, kCount));
    DeviceBuffer<int> sum(rank, std::vector<int>(kCount, 1)), got(rank, kCount);
    DeviceBuffer<int> rooted(rank, numbers(me, kCount));
    ASSERT_OK(
        rank.comm.enqueue({all_gather(mine.all(), all.all()), all_reduce(sum.all(), sum.all()),
                           send(mine.all(), 1 - me), broadcast(rooted.all(), rooted.all(), 1),
                           receive(got.all(), 1 - me)},
                          rank.stream));
    ASSERT_OK(rank.synchronize());
    ASSERT_OK(rank.comm.health());
    std::vector<int> expected = numbers(0, kCount), other = numbers(1, kCount);
    expected.insert(expected.end(), other.begin(), other.end());
    EXPECT_EQ(all.values(), expected);
    EXPECT_EQ(got.values(), numbers(1 - me, kCount));
    EXPECT_EQ(sum.values(), std::vector<int>(kCount, 2));
    EXPECT_EQ(rooted.values(), other);
  });
}

TEST(GpuDirect, GraphsAreReplayed) {
  on_devices(directly({0, 1, 2}, /*kernels=*/true), [](RankOnDevice& rank) {
    const int n = rank.comm.ranks(), me = rank.comm.rank();
    constexpr std::size_t kCount = 50'001;
    DeviceBuffer<int> mine(rank, kCount), all(rank, n * kCount), got(rank, kCount);
    rank.device.begin_recording(rank.stream);
    ASSERT_OK(rank.comm.enqueue(all_gather(mine.all(), all.all()), rank.stream));
    ASSERT_OK(rank.comm.enqueue(
        {send(mine.all(), (me + 1) % n), receive(got.all(), (me + n - 1) % n)}, rank.stream));
    const auto graph = rank.device.end_recording(rank.stream);
    for (int turn = 0; turn < 4; ++turn) {
      const std::vector<int> values = numbers(10 * turn + me, kCount);
      std::copy(values.begin(), values.end(), mine.data());
      rank.device.replay(rank.stream, graph);
      ASSERT_OK(rank.synchronize());
      for (int r = 0; r < n; ++r) {
        const std::vector<int> part = numbers(10 * turn + r, kCount);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), all.data() + r * kCount)) << turn;
      }
      EXPECT_EQ(got.values(), numbers(10 * turn + (me + n - 1) % n, kCount));
    }
    EXPECT_OK(rank.comm.health());
    EXPECT_EQ(rank.device.bytes_through_host(), 0u);
  });
}

// ---- the choice

TEST(GpuDirectChoice, NobodyIsSentByTcpThatHasNotAskedForIt) {
  on_devices({.host_of = {0, 1}}, [](RankOnDevice& rank) {
    EXPECT_GT(bytes_of(rank, {Collective::kAllGather, DataType::kInt32, {}, 1000}), 0u);
    EXPECT_EQ(rank.comm.explain().algorithm, "through host memory");
  });
}

// What starts answer and log, on two hosts; rank 1's device may be one that networks do not write
// to.
std::vector<Status> starts(const std::vector<std::optional<bool>>& gpudirect, bool takes_writes,
                           std::vector<std::string>& logs) {
  auto bootstraps = make_thread_bootstraps(2);
  std::vector<Status> statuses(2);
  run_ranks_as_threads(2, [&](int rank) {
    Options options = patient_options();
    options.device = rank;
    options.host = static_cast<char>('a' + rank);
    options.gpudirect = gpudirect[rank];
    ThreadDeviceSettings settings{.facts = thread_device_facts(rank)};
    settings.facts.takes_network_writes = takes_writes || rank == 0;
    const Deadline deadline = std::chrono::steady_clock::now() + options.start_timeout;
    auto host = Communicator::Impl::create(*bootstraps[rank], HostRoute::options_of(options, 2), {},
                                           open_of_driver(), deadline);
    statuses[rank] = host.status();
    if (!host.ok()) return 0;
    const Group group = (*host)->group();
    const auto calls =
        DeviceCalls::create(*bootstraps[rank], options, std::make_shared<ThreadDevice>(settings),
                            std::move(*host), group, deadline);
    statuses[rank] = calls.status();
    if (calls.ok()) logs[rank] = (*calls)->description();
    return 0;
  });
  return statuses;
}

TEST(GpuDirectChoice, AStartSaysWhyNot) {
  std::vector<std::string> logs(2);
  for (const Status& status : starts({{}, {}}, true, logs)) EXPECT_OK(status);
  for (const std::string& text : logs) {
    EXPECT_TRUE(contains(text, "no GPUDirect: ") && contains(text, "copies through host memory"))
        << text;
  }
  for (const Status& status : starts({false, false}, true, logs)) EXPECT_OK(status);
  for (const std::string& text : logs) {
    EXPECT_TRUE(contains(text, "no GPUDirect: rank 0: option gpudirect is off")) << text;
  }
  for (const Status& status : starts({true, true}, true, logs)) EXPECT_OK(status);
  for (const std::string& text : logs) {
    EXPECT_TRUE(contains(text, "; GPUDirect for what only moves")) << text;
  }
}

TEST(GpuDirectChoice, AStartFailsWhereItIsWantedAndCannotBe) {
  std::vector<std::string> logs(2);
  for (const Status& status : starts({true, true}, false, logs)) {
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_TRUE(contains(status.message(), "option gpudirect is on: ")) << status.message();
    EXPECT_TRUE(contains(status.message(), "takes no writes of network devices"));
  }
  for (const Status& status : starts({true, {}}, true, logs)) {
    EXPECT_EQ(status.code(), Code::kMismatch);
    EXPECT_TRUE(contains(status.message(), "gpudirect 1")) << status.message();
  }
}

TEST(GpuDirectChoice, RanksOfOneHostHaveNoUseForIt) {
  on_devices(directly({0, 0}), [](RankOnDevice& rank) {
    EXPECT_GT(bytes_of(rank, {Collective::kAllGather, DataType::kInt32, {}, 1000}), 0u);
  });
}

// ---- failures

TEST(GpuDirectFailure, RanksThatCallDifferentThingsAreTold) {
  on_devices(directly({0, 1}), [](RankOnDevice& rank) {
    DeviceBuffer<int> data(rank, 1'000'000), all(rank, 2'000'000);
    const std::size_t count = rank.comm.rank() == 0 ? 1'000'000 : 999'999;
    ASSERT_OK(rank.comm.enqueue(all_gather(data.all().first(count), all.all().first(2 * count)),
                                rank.stream));
    ASSERT_OK(rank.synchronize());
    const Status status = eventual_health(rank.comm);
    EXPECT_EQ(status.code(), Code::kMismatch) << status.message();
    EXPECT_TRUE(contains(status.message(), "made other calls")) << status.message();
  });
}

TEST(GpuDirectFailure, ARankThatDoesNotComeIsNamed) {
  RanksOnDevices made = directly({0, 1, 2});
  made.options.call_timeout = milliseconds(300);
  on_devices(made, [](RankOnDevice& rank) {
    if (rank.comm.rank() == 2) return;
    DeviceBuffer<int> data(rank, 1000), all(rank, 3000);
    ASSERT_OK(rank.comm.enqueue(all_gather(data.all(), all.all()), rank.stream));
    ASSERT_OK(rank.synchronize());
    const Status status = eventual_health(rank.comm);
    EXPECT_EQ(status.code(), Code::kTimeout) << status.message();
    EXPECT_TRUE(contains(status.message(), "rank 2")) << status.message();
  });
}

TEST(GpuDirectFailure, AbortEndsWhatIsUnderWay) {
  std::barrier all_enqueued(3);
  on_devices(directly({0, 1, 2}), [&](RankOnDevice& rank) {
    const int me = rank.comm.rank();
    DeviceBuffer<int> data(rank, 2'000'000), all(rank, 6'000'000);
    if (me != 0) EXPECT_OK(rank.comm.enqueue(all_gather(data.all(), all.all()), rank.stream));
    all_enqueued.arrive_and_wait();
    if (me == 0) rank.comm.abort("enough");
    ASSERT_OK(rank.synchronize());
    const Status status = eventual_health(rank.comm);
    EXPECT_EQ(status.code(), Code::kAborted) << status.message();
    EXPECT_TRUE(contains(status.message(), "enough")) << status.message();
  });
}

// Of processes on two hosts, one is killed in the middle of calls whose pieces go both ways.
TEST(GpuDirectFailure, AKilledRankOfProcessesIsNamed) {
  const PipeWires wires(2);
  const std::vector<int> codes = run_ranks_as_processes(2, [&](int rank) {
    PipeBootstrap bootstrap(wires, rank);
    Options options = patient_options();
    options.device = 0;
    options.gpudirect = true;
    options.host = static_cast<char>('a' + rank);
    auto device = std::make_shared<ThreadDevice>(ThreadDeviceSettings{});
    Result<std::unique_ptr<Communicator::Impl>> impl = Communicator::Impl::create(
        bootstrap, options, {}, [&](int) -> std::shared_ptr<Device> { return device; },
        std::chrono::steady_clock::now() + options.start_timeout);
    EXPECT_OK(impl.status());
    if (!impl.ok()) return 1;
    Communicator comm(std::move(*impl));
    RankOnDevice self{comm, *device, *device->make_stream()};
    const std::vector<int> mine = numbers(rank, 1'500'001);
    DeviceBuffer<int> data(self, mine), all(self, 2 * mine.size());
    for (int turn = 0; comm.health().ok(); ++turn) {
      EXPECT_OK(comm.enqueue(all_gather(data.all(), all.all()), self.stream));
      if (rank == 1 && turn == 3) {
        std::this_thread::sleep_for(milliseconds(1));
        raise(SIGKILL);
      }
      EXPECT_OK(self.synchronize());
      if (turn > 1) continue;
      EXPECT_OK(comm.health());
      EXPECT_TRUE(std::equal(mine.begin(), mine.end(), all.data() + rank * mine.size()));
      EXPECT_EQ(all.data()[mine.size()], 1'000'000);
    }
    EXPECT_EQ(comm.health().code(), Code::kPeerLost);
    EXPECT_TRUE(contains(comm.health().message(), "rank 1 (host ")) << comm.health().message();
    EXPECT_EQ(device->bytes_through_host(), 0u);
    return 0;
  });
  EXPECT_EQ(codes, std::vector<int>({0, died_of(SIGKILL)}));
}

}  // namespace
}  // namespace tutti
