// The executor for devices: every collective by whatever it chooses, against the reference
// execution; ranks as threads and as processes; ranks that do not come, and calls that are wrong.
// ROOMS: executor algorithms
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "device_actor.h"
#include "device_ranks.h"
#include "executor/cuda/choose_path.h"
#include "executor/cuda/executor.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using cuda::Path;
using test::Actor;
using test::DeviceGround;
using test::DeviceRank;
using test::DeviceTrials;
using test::settings_for;
using test::Trial;

// The algorithm that a path stands for. All are such that any way to cut gives the same bits.
const Algorithm& stands_for(Collective collective, std::size_t bytes, bool in_place) {
  const Path path = cuda::choose_path({.collective = collective, .bytes = bytes});
  return *find_algorithm(collective, cuda::path_name(path, collective, in_place, ""));
}

constexpr Collective kCollectivesOfAll[] = {
    Collective::kAllReduce, Collective::kAllGather, Collective::kReduceScatter,
    Collective::kAllToAll,  Collective::kBroadcast, Collective::kReduce,
    Collective::kGather,    Collective::kScatter,   Collective::kBarrier};

/// Of every collective, types and operations in turn; apart and in place.
DeviceTrials every_collective(int ranks, const std::vector<std::size_t>& counts) {
  DeviceTrials trials;
  std::size_t turn = 0;
  for (const std::size_t count : counts) {
    for (const Collective collective : kCollectivesOfAll) {
      for (const bool in_place : {false, true}) {
        const std::size_t bytes = count * size_of(test::device_elements(++turn).type);
        const Algorithm& algorithm = stands_for(collective, bytes, in_place);
        if (in_place && !algorithm.in_place) continue;
        const auto shape = test::device_trial(algorithm, ranks, count, in_place, turn);
        trials.push_back(std::make_unique<Trial>(shape, turn));
      }
    }
  }
  return trials;
}

void perform(DeviceRank& rank, const CudaExecutor::Settings& settings, const DeviceTrials& trials) {
  Actor actor(rank, settings);
  for (const auto& trial : trials) {
    const std::string wrong = actor.perform(*trial);
    ASSERT_EQ(wrong, "") << trial->to_string() << ", " << actor.executor().last_path();
  }
}

TEST(CudaExecutor, EveryCollectiveByAKernelOfItsOwn) {
  for (const int ranks : {1, 2, 3, test::or_few(8, 4)}) {
    const auto n = static_cast<std::size_t>(ranks);
    const DeviceTrials trials = every_collective(ranks, {0, 1, n - 1, n + 1, 20'011});
    test::run_device_ranks({.ranks = ranks}, image_bytes(trials),
                           [&](DeviceRank& rank) { perform(rank, settings_for(ranks), trials); });
    if (HasFailure()) return;
  }
}

// All types, with all operations that they have.
TEST(CudaExecutor, EveryReductionOfEveryType) {
  constexpr int kRanks = 3;
  DeviceTrials trials;
  for (int type = 0; type < kDataTypes; ++type) {
    for (int reduction = 0; reduction < static_cast<int>(Reduction::kUser); ++reduction) {
      ReduceOp op(static_cast<Reduction>(reduction));
      op.scale = 0.5;
      if (!Reducer::make(static_cast<DataType>(type), op, kRanks, Isa::kPortable).ok()) continue;
      for (const std::size_t count : {std::size_t{45}, cuda::kPacketBytes + 5}) {
        auto shape = test::device_trial(stands_for(Collective::kAllReduce, count, false), kRanks,
                                        count, count == 45, 1);
        shape.type = static_cast<DataType>(type);
        shape.op = op;
        if (count > 45 && size_of(shape.type) > 1) continue;
        trials.push_back(std::make_unique<Trial>(shape));
      }
    }
  }
  test::run_device_ranks({.ranks = kRanks}, image_bytes(trials),
                         [&](DeviceRank& rank) { perform(rank, settings_for(kRanks), trials); });
}

TEST(CudaExecutor, AForcedAlgorithmIsInterpretedWhereACollectiveHasIt) {
  DeviceTrials trials;
  const auto add = [&](Collective collective, const char* algorithm) {
    const auto shape =
        test::device_trial(*find_algorithm(collective, algorithm), 4, 1009, false, trials.size());
    trials.push_back(std::make_unique<Trial>(shape));
  };
  add(Collective::kAllReduce, "ring");
  add(Collective::kAllGather, "ring");
  add(Collective::kBroadcast, "ring");
  add(Collective::kAllToAll, "all_pairs");
  test::run_device_ranks({.ranks = 4}, image_bytes(trials), [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(4);
    settings.algorithm = "ring";
    Actor actor(rank, settings);
    for (const auto& trial : trials) {
      EXPECT_EQ(actor.perform(*trial), "") << trial->to_string();
      const bool has_ring = trial->shape().algorithm->name == "ring";
      EXPECT_EQ(actor.executor().last_path(), has_ring ? "ring by interpreter" : "all_pairs");
    }
    settings.algorithm = "rnig";
    const auto refused = CudaExecutor::create(rank.device(), rank.boards(), settings);
    EXPECT_EQ(refused.status().message(), "algorithm rnig: no collective of 4 ranks has it");
  });
}

// On request, and in pieces: two ranks' parts of 40,009 elements do not fit.
TEST(CudaExecutor, EveryCollectiveByTheEngine) {
  const DeviceTrials trials = every_collective(3, {0, 1, 2, 1009, 40'009});
  const DeviceGround ground{.ranks = 3, .scratch_bytes = std::size_t{256} << 10};
  test::run_device_ranks(ground, image_bytes(trials), [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(3);
    settings.engine = true;
    perform(rank, settings, trials);
  });
}

TEST(CudaExecutor, EveryCollectiveBetweenProcesses) {
  const DeviceTrials trials = every_collective(3, {0, 1, 2, 1009, 40'009});
  const DeviceGround ground{.ranks = 3, .scratch_bytes = std::size_t{256} << 10};
  test::run_device_processes(ground, image_bytes(trials), [&](DeviceRank& rank) {
    EXPECT_FALSE(rank.boards().one_process());
    perform(rank, settings_for(3), trials);
  });
}

TEST(CudaExecutor, ProcessesOnOneDeviceDoNotWaitInKernels) {
  const DeviceTrials trials = every_collective(2, {0, 1, 1009, 40'009});
  const DeviceGround ground{
      .ranks = 2, .scratch_bytes = std::size_t{256} << 10, .one_device = true};
  test::run_device_processes(ground, image_bytes(trials), [&](DeviceRank& rank) {
    EXPECT_TRUE(rank.boards().kernels_take_turns());
    Actor actor(rank, settings_for(2));
    for (const auto& trial : trials) {
      const std::string wrong = actor.perform(*trial);
      ASSERT_EQ(wrong, "") << trial->to_string();
      if (trial->shape().count == 0) continue;
      EXPECT_TRUE(actor.executor().last_path().ends_with(" by engine"));
    }
  });
}

// ---- by copies

// Among others, apart and in place, and in pieces of 64 KiB of input.
void perform_with_copies(DeviceRank& rank, const DeviceTrials& trials) {
  CudaExecutor::Settings settings = settings_for(rank.boards().team().ranks);
  settings.copies_from = 0;
  Actor actor(rank, settings);
  for (const auto& trial : trials) {
    const std::string wrong = actor.perform(*trial);
    const std::string path = actor.executor().last_path();
    ASSERT_EQ(wrong, "") << trial->to_string() << ", " << path;
    const Collective collective = trial->shape().algorithm->collective;
    const bool by_copies =
        collective == Collective::kAllGather || collective == Collective::kAllToAll;
    EXPECT_EQ(path.ends_with(" by copies"), by_copies && trial->shape().count > 0) << path;
  }
}

TEST(CudaExecutor, CopiesGatherAndExchange) {
  for (const int ranks : {1, 2, 5}) {
    const DeviceTrials trials = every_collective(ranks, {0, 1, 1009, 40'009});
    test::run_device_ranks({.ranks = ranks}, image_bytes(trials),
                           [&](DeviceRank& rank) { perform_with_copies(rank, trials); });
    if (HasFailure()) return;
  }
}

TEST(CudaExecutor, CopiesGatherAndExchangeBetweenProcesses) {
  const DeviceTrials trials = every_collective(3, {0, 1, 1009, 40'009});
  test::run_device_processes({.ranks = 3}, image_bytes(trials),
                             [&](DeviceRank& rank) { perform_with_copies(rank, trials); });
}

TEST(CudaExecutor, CopiesWhoseScratchIsTooSmallAreRefused) {
  test::run_device_ranks({.ranks = 2, .scratch_bytes = 512}, 64, [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(2);
    settings.copies_from = 0;
    Actor actor(rank, settings);
    const DeviceCall call{.collective = Collective::kAllGather,
                          .type = DataType::kUint8,
                          .op = {},
                          .count = 1,
                          .input = rank.image(),
                          .output = rank.image() + 16};
    EXPECT_EQ(actor.executor().enqueue(call, rank.stream()),
              Status(Code::kNotSupported,
                     "all_gather: not one element fits 512 bytes of scratch: expected more"));
  });
}

TEST(IsForCopies, WhereTheyGainSomethingOrAreAskedFor) {
  using cuda::is_for_copies;
  cuda::CopiesQuestion question{.collective = Collective::kAllGather,
                                .input_bytes = cuda::kCopiesFrom,
                                .own_devices = true,
                                .one_process = false,
                                .one_way = true};
  EXPECT_TRUE(is_for_copies(question));
  const auto changed = [&](auto change) {
    cuda::CopiesQuestion other = question;
    change(other);
    return is_for_copies(other);
  };
  EXPECT_TRUE(changed([](auto& q) { q.collective = Collective::kAllToAll; }));
  EXPECT_FALSE(changed([](auto& q) { q.collective = Collective::kBroadcast; }));
  EXPECT_FALSE(changed([](auto& q) { q.input_bytes -= 1; }));
  EXPECT_FALSE(changed([](auto& q) { q.one_process = true; }));
  EXPECT_FALSE(changed([](auto& q) { q.one_way = false; }));
  EXPECT_FALSE(changed([](auto& q) { q.own_devices = false; }));
  question.from = 100;
  question.one_process = true;
  question.one_way = false;
  EXPECT_TRUE(is_for_copies(question));
  EXPECT_FALSE(changed([](auto& q) { q.input_bytes = 99; }));
  EXPECT_FALSE(changed([](auto& q) { q.own_devices = false; }));
  EXPECT_FALSE(changed([](auto& q) { q.collective = Collective::kAllReduce; }));
}

// ---- many calls, without waiting between them

TEST(CudaExecutor, HundredsOfDifferentCallsFollowEachOther) {
  constexpr std::size_t kAtOnce = 8;
  struct Way {
    bool engine = false;
    std::optional<std::size_t> copies_from = {};
  };
  for (const Way& way : {Way{}, Way{.copies_from = 4096}, Way{.engine = true}}) {
    const DeviceTrials trials = every_collective(4, {1, 33, 1200, 20'011});
    const std::size_t image = image_bytes(trials);
    const DeviceGround ground{.ranks = 4, .most_delay = 50us};
    test::run_device_ranks(ground, kAtOnce * image, [&](DeviceRank& rank) {
      CudaExecutor::Settings settings = settings_for(4);
      settings.engine = way.engine;
      settings.copies_from = way.copies_from;
      Actor actor(rank, settings);
      std::mt19937 random(11);  // the same on all ranks
      for (int batch = 0; batch < test::or_few(12, 4); ++batch) {
        std::vector<const Trial*> picked;
        for (std::size_t i = 0; i < kAtOnce; ++i) {
          picked.push_back(trials[random() % trials.size()].get());
          rank.use_image(i * image);
          rank.load(*picked.back());
          ASSERT_TRUE(actor.enqueue(*picked.back()).ok());
        }
        ASSERT_TRUE(rank.synchronize().ok());
        ASSERT_TRUE(actor.executor().health().ok());
        for (std::size_t i = 0; i < kAtOnce; ++i) {
          rank.use_image(i * image);
          ASSERT_EQ(rank.difference(*picked[i]), "") << picked[i]->to_string();
        }
      }
    });
    if (HasFailure()) return;
  }
}

void expect_that_a_recorded_call_is_replayed(const Algorithm& algorithm) {
  const auto shape = test::device_trial(algorithm, 3, 40'009, false, 1);
  DeviceTrials trials;
  trials.push_back(std::make_unique<Trial>(shape));
  const Trial& trial = *trials.front();
  test::run_device_ranks({.ranks = 3}, image_bytes(trials), [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(3);
    settings.copies_from = 0;
    Actor actor(rank, settings);
    rank.device().begin_recording(rank.stream());
    ASSERT_TRUE(actor.enqueue(trial).ok());
    const auto recording = rank.device().end_recording(rank.stream());
    for (int i = 0; i < 3; ++i) {
      rank.load(trial);
      rank.device().replay(rank.stream(), recording);
      ASSERT_TRUE(rank.synchronize().ok());
      EXPECT_EQ(rank.difference(trial), "");
      EXPECT_EQ(actor.perform(trial), "");
    }
  });
}

TEST(CudaExecutor, ARecordedCallIsReplayed) {
  expect_that_a_recorded_call_is_replayed(*find_algorithm(Collective::kAllReduce, "two_shot"));
  expect_that_a_recorded_call_is_replayed(*find_algorithm(Collective::kAllToAll, "all_pairs"));
}

TEST(CudaExecutor, TheEngineCannotBeRecordedAndSaysSo) {
  test::run_device_ranks({.ranks = 2}, 64, [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(2);
    settings.engine = true;
    Actor actor(rank, settings);
    rank.device().begin_recording(rank.stream());
    const Status status = actor.executor().enqueue({}, rank.stream());
    rank.device().end_recording(rank.stream());
    EXPECT_EQ(status.code(), Code::kNotSupported);
    EXPECT_NE(status.message().find("the stream is being captured"), std::string::npos);
  });
}

// ---- ranks that do not come

DeviceCall all_reduce_of(DeviceRank& rank, std::size_t count) {
  return {.collective = Collective::kAllReduce,
          .type = DataType::kFloat32,
          .op = {},
          .count = count,
          .input = rank.image(),
          .output = rank.image()};
}

// A call that is issued later, on a stream that has nothing else to do, does not overtake.
TEST(CudaExecutor, CallsOnDifferentStreamsKeepTheirOrder) {
  for (const bool engine : {false, true}) {
    test::run_device_ranks({.ranks = 2}, 8000, [&](DeviceRank& rank) {
      CudaExecutor::Settings settings = settings_for(2);
      settings.engine = engine;
      Actor actor(rank, settings);
      Device& device = rank.device();
      const Stream other = *device.make_stream(), third = *device.make_stream();
      auto* const flag = reinterpret_cast<std::uint32_t*>(*device.allocate(4));
      for (std::uint32_t round = 1; round <= 5; ++round) {
        if (rank.rank() == 0) {
          ASSERT_TRUE(device.wait_until(rank.stream(), flag, round).ok());
        }
        EXPECT_TRUE(actor.executor().enqueue(all_reduce_of(rank, 1000), rank.stream()).ok());
        EXPECT_TRUE(actor.executor().enqueue(all_reduce_of(rank, 500), other).ok());
        std::this_thread::sleep_for(5ms);
        ASSERT_TRUE(device.set(third, flag, round).ok());
        for (const Stream stream : {rank.stream(), other}) {
          EXPECT_TRUE(device.synchronize(stream, test::kDevicePatience).ok());
        }
        EXPECT_TRUE(actor.executor().health().ok()) << actor.executor().health().to_string();
      }
      device.end_stream(other);
      device.end_stream(third);
      device.release(reinterpret_cast<std::byte*>(flag));
    });
  }
}

// Asks until it is not well, as whoever watches over calls does.
Status wait_for_trouble(const CudaExecutor& executor) {
  const auto limit = std::chrono::steady_clock::now() + test::kDevicePatience;
  while (executor.health().ok() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(2ms);
  }
  return executor.health();
}

struct Absence {
  std::size_t count;
  bool engine;
  const char* algorithm;
};

void expect_that_an_absent_rank_is_named(const Absence& way) {
  test::run_device_ranks({.ranks = 3}, 400'000, [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(3);
    settings.call_timeout = 300ms;
    settings.engine = way.engine;
    settings.algorithm = way.algorithm;
    Actor actor(rank, settings);
    CudaExecutor& executor = actor.executor();
    ASSERT_TRUE(executor.enqueue({}, rank.stream()).ok());
    ASSERT_TRUE(rank.synchronize().ok());
    if (rank.rank() == 1) return;  // was there once, and never again
    const std::size_t bytes = 4 * way.count;
    std::fill_n(rank.image(), bytes, std::byte{0x5A});
    ASSERT_TRUE(executor.enqueue(all_reduce_of(rank, way.count), rank.stream()).ok());
    const Status status = wait_for_trouble(executor);
    EXPECT_EQ(status.code(), Code::kTimeout);
    EXPECT_EQ(status.message(), "all_reduce #2 (float, " + std::to_string(way.count) +
                                    ", sum): rank 1 has not come within 0.3 s")
        << executor.last_path();
    // The stream goes on, and later calls are refused.
    EXPECT_TRUE(rank.synchronize().ok());
    EXPECT_EQ(executor.enqueue({}, rank.stream()), status);
    if (!way.engine) return;
    EXPECT_EQ(std::count(rank.image(), rank.image() + bytes, std::byte{0x5A}), bytes);
  });
}

TEST(CudaExecutor, ARankThatDoesNotComeIsNamed) {
  expect_that_an_absent_rank_is_named({1024, false, ""});
  expect_that_an_absent_rank_is_named({100'000, false, ""});
  expect_that_an_absent_rank_is_named({1024, false, "ring"});
}

// In time, or at all: copies read what there is, and touch nothing but the output.
TEST(CudaExecutor, CopiesNameARankThatDoesNotCome) {
  test::run_device_ranks({.ranks = 3}, 400'000, [&](DeviceRank& rank) {
    CudaExecutor::Settings settings = settings_for(3);
    settings.call_timeout = 300ms;
    settings.copies_from = 0;
    Actor actor(rank, settings);
    CudaExecutor& executor = actor.executor();
    ASSERT_TRUE(executor.enqueue({}, rank.stream()).ok());
    ASSERT_TRUE(rank.synchronize().ok());
    std::fill_n(rank.image(), 400'000, std::byte{0x5A});
    if (rank.rank() == 1) return;
    const DeviceCall call{.collective = Collective::kAllGather,
                          .type = DataType::kUint8,
                          .op = {},
                          .count = 50'000,
                          .input = rank.image(),
                          .output = rank.image() + 50'000};
    ASSERT_TRUE(executor.enqueue(call, rank.stream()).ok());
    const Status status = wait_for_trouble(executor);
    EXPECT_EQ(status, Status(Code::kTimeout,
                             "all_gather #2 (uint8, 50000): rank 1 has not come "
                             "within 0.3 s"));
    EXPECT_TRUE(rank.synchronize().ok());
    EXPECT_EQ(executor.enqueue({}, rank.stream()), status);
    EXPECT_EQ(std::count(rank.image(), rank.image() + 50'000, std::byte{0x5A}), 50'000);
    EXPECT_EQ(std::count(rank.image() + 200'000, rank.image() + 400'000, std::byte{0x5A}), 200'000);
  });
}

// The streams that the engine opens go on with whatever is there: the call has failed.
TEST(CudaExecutor, TheEngineNamesARankThatDoesNotComeAndItsStreamRacesOn) {
  expect_that_an_absent_rank_is_named({1024, true, ""});
}

TEST(CudaExecutor, AbortEndsWhatWaits) {
  for (const bool engine : {false, true}) {
    test::run_device_ranks({.ranks = 2}, 4096, [&](DeviceRank& rank) {
      CudaExecutor::Settings settings = settings_for(2);
      settings.engine = engine;
      settings.copies_from = 0;
      Actor actor(rank, settings);
      CudaExecutor& executor = actor.executor();
      if (rank.rank() == 1) return;
      DeviceCall gather = all_reduce_of(rank, 256);
      gather.collective = Collective::kAllGather;
      gather.output = rank.image() + 1024;
      ASSERT_TRUE(executor.enqueue(gather, rank.stream()).ok());
      ASSERT_TRUE(executor.enqueue(all_reduce_of(rank, 1024), rank.stream()).ok());
      ASSERT_TRUE(executor.enqueue(all_reduce_of(rank, 1000), rank.stream()).ok());
      std::this_thread::sleep_for(20ms);
      EXPECT_TRUE(executor.health().ok());
      executor.abort("enough");
      EXPECT_TRUE(rank.synchronize().ok());
      EXPECT_EQ(executor.health(), Status(Code::kAborted, "aborted: enough"));
      EXPECT_EQ(executor.enqueue({}, rank.stream()).code(), Code::kAborted);
    });
    if (HasFailure()) return;
  }
}

// Kernels look at memory of the host, and at boards, to their end.
TEST(CudaExecutor, ItEndsWhenItsCallsHave) {
  constexpr std::size_t kCount = 1000;
  for (const bool engine : {false, true}) {
    test::run_device_ranks({.ranks = 2}, kCount * sizeof(float), [&](DeviceRank& rank) {
      auto* const values = reinterpret_cast<float*>(rank.image());
      std::fill_n(values, kCount, rank.rank() + 1.0f);
      CudaExecutor::Settings settings = settings_for(2);
      settings.engine = engine;
      {
        Actor actor(rank, settings);
        if (rank.rank() == 1) std::this_thread::sleep_for(20ms);
        ASSERT_TRUE(actor.executor().enqueue(all_reduce_of(rank, kCount), rank.stream()).ok());
      }
      EXPECT_EQ(std::count(values, values + kCount, 3.0f), kCount);
    });
    if (HasFailure()) return;
  }
}

TEST(CudaExecutor, AbortedItEndsWithoutItsPeers) {
  for (const bool engine : {false, true}) {
    test::run_device_ranks({.ranks = 2}, 4096, [&](DeviceRank& rank) {
      CudaExecutor::Settings settings = settings_for(2);
      settings.engine = engine;
      Actor actor(rank, settings);
      if (rank.rank() == 1) return;
      ASSERT_TRUE(actor.executor().enqueue(all_reduce_of(rank, 1024), rank.stream()).ok());
      actor.executor().abort("enough");
      EXPECT_TRUE(actor.executor().finish());
    });
    if (HasFailure()) return;
  }
}

// ---- calls that are wrong

TEST(CudaExecutor, BadArgumentsAreNamed) {
  test::run_device_ranks({.ranks = 2}, 4096, [&](DeviceRank& rank) {
    Actor actor(rank, settings_for(2));
    const auto refusal = [&](const DeviceCall& call) {
      return actor.executor().enqueue(call, rank.stream()).to_string();
    };
    const auto changed = [&](auto change) {
      DeviceCall call = all_reduce_of(rank, 512);
      change(call);
      return refusal(call);
    };
    std::byte on_host[2048];
    EXPECT_EQ(changed([](DeviceCall& c) { c.input = nullptr; }),
              "invalid argument: all_reduce: input is null: expected memory of the device for 2048 "
              "bytes");
    EXPECT_EQ(
        changed([](DeviceCall& c) { c.output += 2; }),
        "invalid argument: all_reduce: output is not aligned to its type: expected a multiple "
        "of 4 bytes");
    EXPECT_NE(changed([&](DeviceCall& c) { c.output = on_host; }).find("all_reduce: output: "),
              std::string::npos);
    EXPECT_EQ(
        changed([](DeviceCall& c) { c.output += 4; }),
        "invalid argument: all_reduce: input and output overlap: expected the same memory (in "
        "place) or apart");
    EXPECT_EQ(
        changed([](DeviceCall& c) { c.count = 1 << 20; }),
        "invalid argument: all_reduce: input ends outside its memory: expected 4194304 bytes");
    EXPECT_EQ(
        changed([](DeviceCall& c) { c.count = ~std::size_t{0}; }),
        "invalid argument: all_reduce: count 18446744073709551615: expected at most 2^40 bytes "
        "(a negative number given as unsigned?)");
    EXPECT_EQ(changed([](DeviceCall& c) { c.collective = Collective::kBroadcast, c.root = 2; }),
              "invalid argument: broadcast: root 2: expected 0 to 1");
    EXPECT_EQ(changed([](DeviceCall& c) { c.collective = Collective::kSendRecv; }),
              "not supported: send_recv: not a call of all ranks: expected a collective");
    EXPECT_EQ(changed([](DeviceCall& c) { c.collective = Collective::kScan; }),
              "not supported: scan: runs on host memory only: expected another one");
    EXPECT_EQ(changed([](DeviceCall& c) { c.type = static_cast<DataType>(99); }),
              "invalid argument: all_reduce: unknown data type 99: expected 0 to 13");
    EXPECT_EQ(changed([](DeviceCall& c) { c.op = ReduceOp::user(nullptr); }),
              "not supported: all_reduce: a user's function runs on the host: expected a reduction "
              "of the library");
    EXPECT_EQ(changed([](DeviceCall& c) { c.op = Reduction::kBitOr; }).find("not supported: "), 0u);
    // Nothing was sent: the ranks still agree on what comes next.
    EXPECT_TRUE(actor.executor().enqueue(all_reduce_of(rank, 512), rank.stream()).ok());
    EXPECT_TRUE(rank.synchronize().ok());
    EXPECT_TRUE(actor.executor().health().ok());
  });
}

TEST(CudaExecutor, BadSettingsAreNamed) {
  test::run_device_ranks({.ranks = 1}, 64, [&](DeviceRank& rank) {
    const auto refusal = [&](auto change) {
      CudaExecutor::Settings settings = settings_for(1);
      change(settings);
      return CudaExecutor::create(rank.device(), rank.boards(), settings).status().message();
    };
    EXPECT_EQ(refusal([](auto& s) { s.blocks = 0; }), "blocks 0: expected 1 to 64");
    EXPECT_EQ(refusal([](auto& s) { s.threads = 100; }),
              "threads 100: expected a multiple of 32 up to 512");
    EXPECT_EQ(refusal([](auto& s) { s.call_timeout = 0ms; }),
              "call_timeout of 0 ms: expected more than 0");
    EXPECT_EQ(refusal([](auto& s) { s.engine = true, s.find_schedule = {}; }),
              "find_schedule: expected one, for plans to be made");
  });
}

TEST(ChooseBlocks, HaveSomethingToDoAndFitOnTheDevice) {
  const auto blocks = [](std::size_t bytes, int ranks_per_device) {
    return cuda::choose_blocks({.path = Path::kReduce,
                                .bytes = bytes,
                                .most = 32,
                                .multiprocessors = 132,
                                .ranks_per_device = ranks_per_device});
  };
  EXPECT_EQ(blocks(0, 1), 1);
  EXPECT_EQ(blocks(100'000, 1), 4);
  EXPECT_EQ(blocks(std::size_t{1} << 30, 1), 32);
  EXPECT_EQ(blocks(std::size_t{1} << 30, 8), 15);
  EXPECT_EQ(blocks(std::size_t{1} << 30, 200), 1);
}

}  // namespace
}  // namespace tutti
