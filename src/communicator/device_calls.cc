#include "communicator/device_calls.h"

#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "communicator/shape.h"
#include "communicator/validate.h"
#include "executor/cpu/reducer.h"

namespace tutti {
namespace {

// For what a peer tells all ranks to come.
constexpr std::chrono::seconds kTold{1};
// For what kernels of this rank are about to see.
constexpr std::chrono::milliseconds kSeen{100};

// Whether kernels may know it. The same on all ranks.
bool may_be_kernel(const Call& call) {
  return call.collective != Collective::kSendRecv && !call.variable &&
         !(reduces(call.collective) && call.op.reduction == Reduction::kUser);
}

std::string title(const Call& call) {
  return std::string(name(call.collective)) + (call.variable ? "_v" : "") + ": ";
}

Status check_memory(Device& device, const Call& call, const char* which, const void* data,
                    std::size_t bytes) {
  if (bytes == 0) return {};
  Result<Allocation> allocation = device.allocation_of(data);
  // Memory that is mapped part by part is several allocations.
  const auto* last = static_cast<const std::byte*>(data) + bytes - 1;
  if (allocation.ok() && last >= allocation->base + allocation->bytes) {
    allocation = device.allocation_of(last);
  }
  if (allocation.ok()) return {};
  return {allocation.status().code(), title(call) + which + ": " + allocation.status().message()};
}

DeviceCall device_call_of(const Call& call, int rank, int ranks) {
  const Shape shape = shape_of(call, rank, ranks);
  return {.collective = call.collective,
          .type = shape.type,
          .op = call.op,
          .root = root_of(call, ranks),
          .count = shape.part,
          .input = static_cast<const std::byte*>(call.input.data),
          .output = static_cast<std::byte*>(call.output.data)};
}

}  // namespace

DeviceCalls::~DeviceCalls() {
  if (rail_ != nullptr) rail_->end();
  if (route_ != nullptr) route_->end();
  if (kernels_ != nullptr && !kernels_->finish()) {
    // What streams may yet use is left to the process.
    static_cast<void>(new std::shared_ptr<Device>(device_));
    static_cast<void>(kernels_.release());
    static_cast<void>(boards_.release());
    static_cast<void>(memory_.release());
    return;
  }
  if (!scratch_.empty()) device_->release(scratch_.data());
}

// A peer gives up because of what its kernels have seen, and so will those here, soon: what they
// say is better than that it has given up.
void DeviceCalls::fail(const Status& status) {
  if (kernels_ != nullptr && status.code() == Code::kAborted) wait_for_news(kSeen);
  const Status known = health();
  give_up(known.ok() ? status : known, status.message());
}

// Ranks are numbered otherwise there. Who aborts tells all ranks too, in their own numbers: that is
// waited for.
void DeviceCalls::fail_of_rail(const Status& status) {
  if (status.code() == Code::kAborted) wait_for_news(kTold);
  fail(counted_among(levels_->rail(), status));
}

void DeviceCalls::wait_for_news(std::chrono::milliseconds most) const {
  const auto limit = std::chrono::steady_clock::now() + most;
  while (health().ok() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void DeviceCalls::abort(const std::string& reason) {
  give_up({Code::kAborted,
           "aborted by rank " + std::to_string(rank_) + (reason.empty() ? "" : ": " + reason)},
          reason);
}

// The first failure stays.
void DeviceCalls::give_up(const Status& status, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = status;
  }
  if (kernels_ != nullptr) kernels_->abort(reason);
  const std::lock_guard lock(mutex_);
  for (const HostRoute* route : {route_.get(), rail_.get()}) {
    if (route != nullptr) route->host().abort(reason);
  }
}

Status DeviceCalls::health() const {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
  }
  return kernels_ == nullptr ? Status() : kernels_->health();
}

Status DeviceCalls::enqueue(std::span<const Call> group, Stream stream) {
  if (Status status = health(); !status.ok()) return status;
  // The usual case first: kernels look at the stream themselves.
  if (group.size() == 1 && way_of(group[0]) == Way::kKernels) {
    Status status = issue_kernel(group[0], stream);
    if (status.code() != Code::kNotSupported) return status;
  }
  const Result<Device::StreamState> state = device_->look_at(stream);
  if (!state.ok()) return {state.status().code(), "stream: " + state.status().message()};
  return issue_group(group, stream, state->capturing);
}

DeviceCalls::Way DeviceCalls::way_of(const Call& call) const {
  if (kernels_ == nullptr || !may_be_kernel(call)) return Way::kHostMemory;
  if (!levels_) return Way::kKernels;
  const bool comes_apart = level_steps(call, *levels_, scratch_).has_value();
  return comes_apart ? Way::kTwoLevels : Way::kHostMemory;
}

Status DeviceCalls::issue_kernel(const Call& call, Stream stream) {
  last_way_ = Way::kKernels;
  return kernels_->enqueue(device_call_of(call, rank_, ranks_), stream);
}

Status DeviceCalls::issue_levels(const Call& call, Stream stream, bool captured) {
  last_way_ = Way::kTwoLevels;
  int issued = 0;
  Status status = issue_steps(*level_steps(call, *levels_, scratch_), stream, captured, issued);
  if (!status.ok() && issued > 0) fail(status);  // ranks no longer agree
  return status;
}

Status DeviceCalls::issue_steps(const LevelSteps& steps, Stream stream, bool captured,
                                int& issued) {
  const auto inside = [&](const std::vector<Call>& calls) -> Status {
    for (const Call& call : calls) {
      const DeviceCall step = device_call_of(call, levels_->place, levels_->places());
      if (Status status = kernels_->enqueue(step, stream); !status.ok()) return status;
      ++issued;
    }
    return {};
  };
  if (Status status = inside(steps.first); !status.ok()) return status;
  const Result<DeviceProxy::Visit> visit = rail_->proxy().begin(stream, captured);
  if (!visit.ok()) return visit.status();
  ++issued;
  last_went_directly_ = rail_->go_directly(steps.between);
  if (Status status = rail_->proxy().end(*visit, steps.between); !status.ok()) return status;
  return inside(steps.last);
}

// Messages are under way while the kernels of the group run: neither waits for the other.
Status DeviceCalls::issue_group(std::span<const Call> group, Stream stream, bool captured) {
  std::vector<Call> others;
  std::vector<StagedCall> for_proxy;
  for (const Call& call : group) {
    if (Status status = check(call); !status.ok()) return status;
    if (way_of(call) == Way::kHostMemory) {
      for_proxy.emplace_back(call);
    } else {
      others.push_back(call);
    }
  }
  std::optional<DeviceProxy::Visit> visit;
  if (Status status = begin_for(for_proxy, stream, captured, visit); !status.ok()) return status;
  Status status = issue_others(others, stream, captured, for_proxy);
  if (status.ok()) status = begin_for(for_proxy, stream, captured, visit);
  if (!visit) return status;
  last_way_ = Way::kHostMemory;
  last_went_directly_ = route_->go_directly(for_proxy);
  if (!status.ok()) for_proxy.clear();
  if (Status end = route_->proxy().end(*visit, for_proxy); !end.ok()) status = std::move(end);
  if (!status.ok()) fail(status);  // some of the group has been issued: ranks no longer agree
  return status;
}

Status DeviceCalls::begin_for(std::span<const StagedCall> calls, Stream stream, bool captured,
                              std::optional<DeviceProxy::Visit>& visit) {
  if (visit || calls.empty()) return {};
  Result<DeviceProxy::Visit> begun = route_->proxy().begin(stream, captured);
  if (begun.ok()) visit = *begun;
  if (!captured || begun.ok()) return begun.status();
  return {begun.status().code(), title(calls.front().call) + begun.status().message()};
}

// Kernels, and calls in two levels. What no kernel does is left over.
Status DeviceCalls::issue_others(std::span<const Call> calls, Stream stream, bool captured,
                                 std::vector<StagedCall>& left_over) {
  for (const Call& call : calls) {
    Status status = levels_ ? issue_levels(call, stream, captured) : issue_kernel(call, stream);
    if (status.code() == Code::kNotSupported && health().ok()) {
      left_over.emplace_back(call);
    } else if (!status.ok()) {
      return status;
    }
  }
  return {};
}

// What kernels check for themselves.
Status DeviceCalls::check(const Call& call) const {
  if (reads_input(call, rank_)) {
    Status status = check_memory(*device_, call, "input", call.input.data, call.input.bytes());
    if (!status.ok()) return status;
  }
  if (writes_output(call, rank_, ranks_)) {
    Status status = check_memory(*device_, call, "output", call.output.data, call.output.bytes());
    if (!status.ok()) return status;
  }
  if (!reduces(call.collective)) return {};
  return Reducer::make(call.input.type, call.op, ranks_, Isa::kPortable).status();
}

Explanation DeviceCalls::explain() const {
  Explanation explanation;
  switch (last_way_) {
    case Way::kKernels:
      explanation.algorithm = kernels_->last_path();
      explanation.transports = "cuda_p2p";
      break;
    case Way::kTwoLevels:
      explanation.algorithm = last_went_directly_
                                  ? "two levels: kernels inside hosts, GPUDirect between them"
                                  : "two levels: kernels inside hosts, through host memory "
                                    "between them";
      explanation.transports = "cuda_p2p and " + rail_->host().transports();
      break;
    case Way::kHostMemory:
      explanation.algorithm = last_went_directly_ ? "GPUDirect" : "through host memory";
      explanation.transports = route_->host().transports();
      break;
  }
  return explanation;
}

std::string DeviceCalls::description() const {
  const DeviceFacts& facts = device_->facts();
  std::string text = "device " + std::to_string(facts.ordinal) + " (" + facts.name + "), ";
  if (kernels_ == nullptr) {
    const std::string why = why_no_kernels_.ok() ? "" : ": " + why_no_kernels_.message();
    return text + "through host memory" + why + between_hosts();
  }
  text += "cuda_p2p";
  text += why_no_multicast_.ok() ? ", NVLS" : "; no NVLS: " + why_no_multicast_.message();
  if (boards_->kernels_take_turns()) {
    text += "; processes share a device without MPS: streams wait for peers, kernels do not";
  }
  if (levels_) text += "; two levels, through host memory between hosts";
  return text + between_hosts();
}

// What only moves may pass host memory by.
std::string DeviceCalls::between_hosts() const {
  if (route_->host().group().host_count() == 1) return "";
  const Status& why_not = (rail_ != nullptr ? rail_ : route_)->why_not_direct();
  return why_not.ok() ? "; GPUDirect for what only moves" : "; no GPUDirect: " + why_not.message();
}

}  // namespace tutti
