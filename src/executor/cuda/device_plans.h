// The plans that the interpreter and the engine may be asked for: all made when the executor is,
// and put into the device's memory, so that no call has to.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "device/device.h"
#include "executor/cuda/executor.h"
#include "executor/cuda/flat_plan.h"
#include "plan/plan.h"

namespace tutti::cuda {

struct DevicePlan {
  std::string algorithm;
  Plan plan;
  FlatPlan flat;  // in the device's memory
};

class DevicePlans final {
 public:
  struct Wanted {
    int rank = 0;
    int ranks = 1;
    std::string algorithm;   // for collectives that have it; "": the usual ones
    bool usual_too = false;  // for those that have not
    CudaExecutor::FindSchedule find_schedule;
  };

  /// kInvalidArgument when no collective has the algorithm. `device` must outlive it.
  static Result<DevicePlans> make(Device& device, const Wanted& wanted);
  DevicePlans(DevicePlans&&) = default;
  DevicePlans& operator=(DevicePlans&&) = delete;

  /// nullptr when there is none. In place matters to all_to_all only.
  const DevicePlan* find(Collective collective, int root, bool in_place) const;

 private:
  using Key = std::tuple<Collective, int, bool>;
  struct Release {
    Device* device;
    void operator()(std::byte* memory) const { device->release(memory); }
  };

  explicit DevicePlans(Device& device) : memory_(nullptr, Release{&device}) {}
  Status add(const Wanted& wanted, Collective collective, int root, bool in_place);
  Status upload(Device& device);

  std::map<Key, DevicePlan> plans_;
  std::map<Key, FlatProgram> programs_;  // until they are in the device's memory
  std::unique_ptr<std::byte, Release> memory_;
};

}  // namespace tutti::cuda
