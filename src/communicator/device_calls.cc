#include "communicator/device_calls.h"

#include <optional>
#include <utility>
#include <vector>

#include "algorithms/catalog.h"
#include "bootstrap/exchange.h"
#include "communicator/shape.h"
#include "communicator/validate.h"
#include "executor/cpu/reducer.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPeersChecked{200};

// Whether kernels may know it. The same on all ranks.
bool may_be_kernel(const Call& call) {
  return call.collective != Collective::kSendRecv && !call.variable &&
         !(reduces(call.collective) && call.op.reduction == Reduction::kUser);
}

// What kernels are told of Options::algorithm: they take one name.
Result<std::string> algorithm_of_kernels(const std::string& option) {
  if (option.find(',') != std::string::npos) {
    return {Code::kNotSupported,
            "algorithm: \"" + option + "\": kernels can be forced to one only"};
  }
  return option.substr(option.find(':') + 1);  // all of it where there is no colon
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

}  // namespace

DeviceCalls::DeviceCalls(const Options& options, std::shared_ptr<Device> device,
                         std::unique_ptr<Communicator::Impl> host)
    : options_(options), device_(std::move(device)), host_(std::move(host)) {}

Result<std::unique_ptr<DeviceCalls>> DeviceCalls::create(Bootstrap& bootstrap,
                                                         const Options& options,
                                                         std::shared_ptr<Device> device,
                                                         std::unique_ptr<Communicator::Impl> host,
                                                         const Group& group, Deadline deadline) {
  std::unique_ptr<DeviceCalls> calls(new DeviceCalls(options, std::move(device), std::move(host)));
  if (group.host_count() == 1) calls->add_kernels(bootstrap, deadline);
  calls->memory_ = std::make_unique<DeviceMemory>(*calls->device_, calls->boards_.get());
  if (Status status = calls->add_proxy(bootstrap, deadline); !status.ok()) return status;
  return calls;
}

// Without them everything goes through host memory: an error is no failure, but all must have it.
void DeviceCalls::add_kernels(Bootstrap& bootstrap, Deadline deadline) {
  const Result<std::string> algorithm = algorithm_of_kernels(options_.algorithm);
  why_no_kernels_ = algorithm.status();
  if (!device_->facts().has_kernels) {
    why_no_kernels_ = {Code::kNotSupported, "no kernels were built for this device"};
  }
  why_no_kernels_ = agree(bootstrap, why_no_kernels_, deadline);
  if (!why_no_kernels_.ok()) return;
  Result<std::unique_ptr<Boards>> boards =
      Boards::create(device_, bootstrap, options_.scratch_bytes, deadline);
  if (!boards.ok()) {
    why_no_kernels_ = boards.status();
    return;
  }
  why_no_multicast_ = add_multicast(**boards, bootstrap, deadline);
  CudaExecutor::Settings settings;
  settings.call_timeout = options_.call_timeout;
  settings.algorithm = *algorithm;
  settings.find_schedule = [ranks = bootstrap.ranks()](Collective collective,
                                                       std::string_view algorithm, int root) {
    return schedule_of(collective, algorithm, Group(ranks), root);
  };
  Result<std::unique_ptr<CudaExecutor>> kernels =
      CudaExecutor::create(*device_, **boards, settings);
  why_no_kernels_ = agree(bootstrap, kernels.status(), deadline);
  if (!why_no_kernels_.ok()) return;
  boards_ = std::move(*boards);
  kernels_ = std::move(*kernels);
}

// The same on all ranks.
Status DeviceCalls::add_multicast(Boards& boards, Bootstrap& bootstrap, Deadline deadline) const {
  if (!options_.nvls) return {Code::kNotSupported, "option nvls is off"};
  if (options_.reproducible) {
    return {Code::kNotSupported, "option reproducible is on, and a switch adds in its own order"};
  }
  return boards.add_multicast(bootstrap, deadline);
}

Status DeviceCalls::add_proxy(Bootstrap& bootstrap, Deadline deadline) {
  const StagingLayout layout(host_->ranks());
  Result<Memory> memory = host_->allocate(layout.bytes());
  if (!memory.ok()) return memory.status();
  staging_memory_ = std::move(*memory);
  const Status no_kernels = may_wait_in_kernels(bootstrap, *device_, deadline);
  Result<std::unique_ptr<Staging>> staging =
      Staging::create(*device_, layout, staging_memory_.data());
  Result<std::unique_ptr<DeviceProxy>> proxy(staging.status());
  if (staging.ok()) {
    staging_ = std::move(*staging);
    proxy = make_proxy(no_kernels);
  }
  if (Status status = agree(bootstrap, proxy.status(), deadline); !status.ok()) return status;
  proxy_ = std::move(*proxy);
  return {};
}

Result<std::unique_ptr<DeviceProxy>> DeviceCalls::make_proxy(const Status& no_kernels) {
  return DeviceProxy::create({.device = *device_,
                              .staging = *staging_,
                              .rank = host_->rank(),
                              .call_timeout = options_.call_timeout,
                              .no_kernels = no_kernels,
                              .run = [this](CallFeed& feed) { return host_->run(feed); },
                              .look_around = [this] { return look_around(); },
                              .on_failure = [this](const Status& status) { fail(status); }});
}

DeviceCalls::~DeviceCalls() {
  proxy_.reset();
  staging_.reset();
}

// Through one of its ways a rank learns what has happened to a peer in the other.
Status DeviceCalls::look_around() {
  if (Status status = host_->failure(); !status.ok()) return status;
  if (kernels_ == nullptr) return {};
  if (Status status = kernels_->health(); !status.ok()) return status;
  const Clock::time_point now = Clock::now();
  if (now - peers_checked_ < kPeersChecked) return {};
  peers_checked_ = now;
  return host_->check_peers();
}

void DeviceCalls::fail(const Status& status) { give_up(status, status.message()); }

void DeviceCalls::abort(const std::string& reason) {
  give_up({Code::kAborted, "aborted by rank " + std::to_string(host_->rank()) +
                               (reason.empty() ? "" : ": " + reason)},
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
  host_->abort(reason);
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
  if (group.size() == 1 && is_for_kernels(group[0])) {
    Status status = issue_kernel(group[0], stream);
    if (status.code() != Code::kNotSupported) return status;
  }
  const Result<Device::StreamState> state = device_->look_at(stream);
  if (!state.ok()) return {state.status().code(), "stream: " + state.status().message()};
  return issue_group(group, stream, state->capturing);
}

bool DeviceCalls::is_for_kernels(const Call& call) const {
  return kernels_ != nullptr && may_be_kernel(call);
}

Status DeviceCalls::issue_kernel(const Call& call, Stream stream) {
  const Shape shape = shape_of(call, host_->rank(), host_->ranks());
  last_was_kernel_ = true;
  return kernels_->enqueue({.collective = call.collective,
                            .type = shape.type,
                            .op = call.op,
                            .root = root_of(call, host_->ranks()),
                            .count = shape.part,
                            .input = static_cast<const std::byte*>(call.input.data),
                            .output = static_cast<std::byte*>(call.output.data)},
                           stream);
}

// Messages are under way while the kernels of the group run: neither waits for the other.
Status DeviceCalls::issue_group(std::span<const Call> group, Stream stream, bool captured) {
  std::vector<Call> for_kernels, for_proxy;
  for (const Call& call : group) {
    if (Status status = check(call); !status.ok()) return status;
    (is_for_kernels(call) ? for_kernels : for_proxy).push_back(call);
  }
  std::optional<DeviceProxy::Visit> visit;
  if (Status status = begin_for(for_proxy, stream, captured, visit); !status.ok()) return status;
  Status status = issue_kernels(for_kernels, stream, for_proxy);
  if (status.ok()) status = begin_for(for_proxy, stream, captured, visit);
  last_was_kernel_ = !visit;
  if (!visit) return status;
  if (!status.ok()) for_proxy.clear();
  if (Status end = proxy_->end(*visit, for_proxy); !end.ok()) status = std::move(end);
  if (!status.ok()) fail(status);  // some of the group has been issued: ranks no longer agree
  return status;
}

Status DeviceCalls::begin_for(std::span<const Call> calls, Stream stream, bool captured,
                              std::optional<DeviceProxy::Visit>& visit) {
  if (visit || calls.empty()) return {};
  Result<DeviceProxy::Visit> begun = proxy_->begin(stream, captured);
  if (begun.ok()) visit = *begun;
  if (!captured || begun.ok()) return begun.status();
  return {begun.status().code(), title(calls.front()) + begun.status().message()};
}

// What no kernel does is left over.
Status DeviceCalls::issue_kernels(std::span<const Call> calls, Stream stream,
                                  std::vector<Call>& left_over) {
  for (const Call& call : calls) {
    Status status = issue_kernel(call, stream);
    if (status.code() == Code::kNotSupported) {
      left_over.push_back(call);
    } else if (!status.ok()) {
      return status;
    }
  }
  return {};
}

// What kernels check for themselves.
Status DeviceCalls::check(const Call& call) const {
  const int rank = host_->rank();
  if (reads_input(call, rank)) {
    Status status = check_memory(*device_, call, "input", call.input.data, call.input.bytes());
    if (!status.ok()) return status;
  }
  if (writes_output(call, rank, host_->ranks())) {
    Status status = check_memory(*device_, call, "output", call.output.data, call.output.bytes());
    if (!status.ok()) return status;
  }
  if (!reduces(call.collective)) return {};
  return Reducer::make(call.input.type, call.op, host_->ranks(), Isa::kPortable).status();
}

Explanation DeviceCalls::explain() const {
  Explanation explanation;
  explanation.algorithm = last_was_kernel_ ? kernels_->last_path() : "through host memory";
  explanation.transports = last_was_kernel_ ? "cuda_p2p" : host_->transports();
  return explanation;
}

std::string DeviceCalls::description() const {
  const DeviceFacts& facts = device_->facts();
  const std::string device = "device " + std::to_string(facts.ordinal) + " (" + facts.name + "), ";
  if (kernels_ != nullptr) {
    const bool switches = why_no_multicast_.ok();
    return device + "cuda_p2p" +
           (switches ? ", NVLS" : "; no NVLS: " + why_no_multicast_.message());
  }
  const std::string why = why_no_kernels_.ok() ? "" : ": " + why_no_kernels_.message();
  return device + "through host memory" + why;
}

}  // namespace tutti
