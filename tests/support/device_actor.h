// Ranks with devices made of threads that perform trials by the executor for devices.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "algorithms/catalog.h"
#include "device_ranks.h"
#include "executor/cuda/executor.h"
#include "trial.h"

namespace tutti::test {

inline CudaExecutor::Settings settings_for(int ranks) {
  CudaExecutor::Settings settings{.call_timeout = kDevicePatience, .blocks = 4};
  settings.find_schedule = [ranks](Collective collective, std::string_view name, int root) {
    return schedule_of(collective, name, ranks, root);
  };
  return settings;
}

inline DeviceCall call_of(const Trial& trial, DeviceRank& rank) {
  const TrialShape& shape = trial.shape();
  return {.collective = shape.algorithm->collective,
          .type = shape.type,
          .op = shape.op,
          .root = shape.root,
          .count = shape.count,
          .input = rank.input_of(trial),
          .output = rank.output_of(trial)};
}

/// A rank with its executor.
class Actor {
 public:
  Actor(DeviceRank& rank, const CudaExecutor::Settings& settings) : rank_(rank) {
    auto made = CudaExecutor::create(rank.device(), rank.boards(), settings);
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    executor_ = std::move(*made);
  }

  CudaExecutor& executor() { return *executor_; }
  DeviceRank& rank() { return rank_; }

  Status enqueue(const Trial& trial) {
    return executor_->enqueue(call_of(trial, rank_), rank_.stream());
  }

  /// "", or what went wrong.
  std::string perform(const Trial& trial) {
    rank_.load(trial);
    Status status = enqueue(trial);
    if (status.ok()) status = rank_.synchronize();
    if (status.ok()) status = executor_->health();
    return status.ok() ? rank_.difference(trial) : status.to_string();
  }

 private:
  DeviceRank& rank_;
  std::unique_ptr<CudaExecutor> executor_;
};

}  // namespace tutti::test
