// Ranks as threads or as processes, each with a device made of threads, and boards that they share.

#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "device/thread_device.h"
#include "executor/cuda/buffers.h"
#include "executor/cuda/flat_plan.h"
#include "executor/cuda/kernels_host.h"
#include "executor/cuda/multicast_kernels_host.h"
#include "executor/cuda/plan_kernels_host.h"
#include "expect_ok.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/cuda_p2p/boards.h"
#include "trial.h"

namespace tutti::test {

inline constexpr std::chrono::seconds kDevicePatience{20};

struct DeviceGround {
  int ranks = 2;
  std::size_t scratch_bytes = std::size_t{1} << 16;
  std::chrono::microseconds most_delay{0};
  bool one_device = false;  // the devices of all ranks are the same one
  bool multicast = false;   // asked for on devices that have it; the boards say what came of it
};

/// A rank: its device, its board, and memory for the image of a trial.
class DeviceRank {
 public:
  DeviceRank(std::shared_ptr<ThreadDevice> device, std::unique_ptr<Boards> boards,
             std::size_t image_bytes)
      : device_(std::move(device)), boards_(std::move(boards)) {
    memory_ = image_ = *device_->allocate(image_bytes);
    stream_ = *device_->make_stream();
  }
  ~DeviceRank() {
    EXPECT_TRUE(device_->synchronize(stream_, kDevicePatience).ok());
    device_->end_stream(stream_);
    device_->release(memory_);
  }

  ThreadDevice& device() { return *device_; }
  Boards& boards() { return *boards_; }
  Stream stream() const { return stream_; }
  int rank() const { return boards_->team().rank; }
  std::byte* image() const { return image_; }
  /// From now on the image begins so many bytes into the memory.
  void use_image(std::size_t at) { image_ = memory_ + at; }

  /// Puts what the rank's memory holds before the trial into the image.
  void load(const Trial& trial) {
    const Trial::Memory& m = trial.memory(rank());
    std::memcpy(image_, m.before.data(), m.before.size());
  }
  std::byte* input_of(const Trial& trial) {
    const bool has = trial.has(Space::kInput, rank());
    return has ? image_ + trial.memory(rank()).input_at : nullptr;
  }
  std::byte* output_of(const Trial& trial) {
    const bool has = trial.has(Space::kOutput, rank());
    return has ? image_ + trial.memory(rank()).output_at : nullptr;
  }

  Status synchronize() { return device_->synchronize(stream_, kDevicePatience); }

  /// "", or how the image is not what it must be after the trial.
  std::string difference(const Trial& trial) const {
    const Trial::Memory& m = trial.memory(rank());
    for (std::size_t i = 0; i < m.after.size(); ++i) {
      if (image_[i] == m.after[i]) continue;
      return "byte " + std::to_string(i) + " of rank " + std::to_string(rank()) + " is " +
             std::to_string(std::to_integer<int>(image_[i])) + ", expected " +
             std::to_string(std::to_integer<int>(m.after[i])) + " (input at " +
             std::to_string(m.input_at) + ", output at " + std::to_string(m.output_at) + ")";
    }
    return "";
  }

 private:
  std::shared_ptr<ThreadDevice> device_;
  std::unique_ptr<Boards> boards_;
  std::byte* memory_;
  std::byte* image_;  // in it
  Stream stream_;
};

inline std::vector<ThreadKernel> all_thread_kernels() {
  std::vector<ThreadKernel> kernels;
  for (const ThreadKernel& kernel : cuda::fast_thread_kernels()) kernels.push_back(kernel);
  for (const ThreadKernel& kernel : cuda::plan_thread_kernels()) kernels.push_back(kernel);
  for (const ThreadKernel& kernel : cuda::multicast_thread_kernels()) kernels.push_back(kernel);
  return kernels;
}

using DeviceRankFunction = std::function<void(DeviceRank&)>;

/// Calls run(rank), then waits until all ranks have come to its end. Answers an exit code.
inline int run_device_rank(const DeviceGround& ground, Bootstrap& bootstrap,
                           std::shared_ptr<ThreadMemory> memory, std::size_t image_bytes,
                           const DeviceRankFunction& run) {
  const int rank = bootstrap.rank();
  ThreadDeviceSettings settings{.facts = thread_device_facts(ground.one_device ? 0 : rank),
                                .kernels = all_thread_kernels(),
                                .delays = {ground.most_delay, static_cast<std::uint64_t>(rank)},
                                .memory = std::move(memory)};
  settings.facts.has_multicast = ground.multicast;
  auto device = std::make_shared<ThreadDevice>(std::move(settings));
  const auto deadline = [] { return std::chrono::steady_clock::now() + kDevicePatience; };
  auto boards = Boards::create(device, bootstrap, ground.scratch_bytes, deadline());
  EXPECT_TRUE(boards.ok()) << boards.status().to_string();
  if (!boards.ok()) return 1;
  if (ground.multicast) EXPECT_OK((*boards)->add_multicast(bootstrap, deadline()));
  DeviceRank device_rank(device, std::move(*boards), image_bytes);
  run(device_rank);
  // Peers may still be in this rank's memory.
  EXPECT_TRUE(device_rank.synchronize().ok());
  EXPECT_TRUE(bootstrap.all_gather("done", deadline()).ok());
  return testing::Test::HasFailure() ? 1 : 0;
}

/// A thread for each rank.
inline void run_device_ranks(const DeviceGround& ground, std::size_t image_bytes,
                             const DeviceRankFunction& run) {
  const auto memory = std::make_shared<ThreadMemory>();
  auto bootstraps = make_thread_bootstraps(ground.ranks);
  run_ranks_as_threads(ground.ranks, [&](int rank) {
    return run_device_rank(ground, *bootstraps[rank], memory, image_bytes, run);
  });
}

/// A process for each rank.
inline void run_device_processes(const DeviceGround& ground, std::size_t image_bytes,
                                 const DeviceRankFunction& run) {
  const PipeWires wires(ground.ranks);
  const std::vector<int> codes = run_ranks_as_processes(ground.ranks, [&](int rank) {
    PipeBootstrap bootstrap(wires, rank);
    return run_device_rank(ground, bootstrap, std::make_shared<ThreadMemory>(), image_bytes, run);
  });
  EXPECT_EQ(codes, std::vector<int>(ground.ranks, 0));
}

/// Elements and operations for trials on devices, in turn.
struct DeviceElements {
  DataType type;
  ReduceOp op;
};
inline const DeviceElements& device_elements(std::size_t turn) {
  static const DeviceElements kElements[] = {
      {DataType::kFloat32, Reduction::kSum},
      {DataType::kInt32, Reduction::kAvg},
      {DataType::kBfloat16, Reduction::kSum},
      {DataType::kFloat64, Reduction::kAvg},
      {DataType::kUint8, Reduction::kBitXor},
      {DataType::kFloat16, ReduceOp::pre_mul_sum(0.7)},
      {DataType::kInt8, Reduction::kMax},
      {DataType::kFloat8e4m3, Reduction::kSum},
      {DataType::kUint16, Reduction::kProd},
      {DataType::kFloat8e5m2, Reduction::kMin},
      {DataType::kInt64, ReduceOp::pre_mul_sum(3.0)},
      {DataType::kUint32, Reduction::kLogicalXor},
      {DataType::kInt16, Reduction::kAvg},
      {DataType::kUint64, Reduction::kBitAnd},
  };
  return kElements[turn % std::size(kElements)];
}

/// Chunks are cut as devices cut them.
inline TrialShape device_trial(const Algorithm& algorithm, int ranks, std::size_t count,
                               bool in_place, std::size_t turn) {
  const DeviceElements& elements = device_elements(turn);
  return {.algorithm = &algorithm,
          .group = ranks,
          .root = cuda::has_root(algorithm.collective) ? static_cast<int>(turn / 3) % ranks : 0,
          .type = elements.type,
          .op = elements.op,
          .count = count,
          .in_place = in_place,
          .piece = cuda::chunk_length};
}

using DeviceTrials = std::vector<std::unique_ptr<Trial>>;

/// Every algorithm of so many ranks, of all counts; where it can, in place too if asked for.
inline DeviceTrials every_device_trial(int ranks, const std::vector<std::size_t>& counts,
                                       bool in_place_too) {
  DeviceTrials trials;
  std::size_t turn = 0;
  for (const Algorithm& algorithm : catalog()) {
    if (!allows(algorithm, ranks) || algorithm.collective == Collective::kSendRecv) continue;
    if (is_scan(algorithm.collective)) continue;  // of host memory only
    for (const std::size_t count : counts) {
      for (const bool in_place : {false, true}) {
        if (in_place && !(in_place_too && algorithm.in_place)) continue;
        const TrialShape shape = device_trial(algorithm, ranks, count, in_place, ++turn);
        trials.push_back(std::make_unique<Trial>(shape, turn));
      }
    }
  }
  return trials;
}

/// Room for the largest of them, on any rank.
inline std::size_t image_bytes(const DeviceTrials& trials) {
  std::size_t most = 1;
  for (const auto& trial : trials) {
    for (int rank = 0; rank < trial->shape().group.ranks; ++rank) {
      most = std::max(most, trial->memory(rank).before.size());
    }
  }
  return most;
}

}  // namespace tutti::test
