#include "communicator/device_calls.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "algorithms/catalog.h"
#include "bootstrap/exchange.h"
#include "communicator/message_bootstrap.h"
#include "communicator/shape.h"
#include "communicator/validate.h"
#include "executor/cpu/reducer.h"

namespace tutti {
namespace {

// Who does not come, the ranks of its host know best: those of its rail, who wait for them, wait
// longer.
constexpr std::chrono::seconds kRailPatience{1};

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

// How large kernels may be: where ranks want different sizes, the least.
struct KernelSize {
  int blocks = 0;
  int threads = 0;
};

Result<KernelSize> agree_on_size(Bootstrap& bootstrap, const Options& options, Deadline deadline) {
  const Result<KernelSize> mine = KernelSize{options.device_blocks, options.device_threads};
  const auto results = exchange(bootstrap, mine, deadline);
  if (!results.ok()) return results.status();
  const auto all = all_values(*results);
  if (!all.ok()) return all.status();
  KernelSize least = *mine;
  for (const KernelSize& one : *all) {
    least.blocks = std::min(least.blocks, one.blocks);
    least.threads = std::min(least.threads, one.threads);
  }
  return least;
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

// A failure among some of the ranks, whose numbers there are other ones.
Status counted_among(const std::vector<int>& ranks, const Status& status) {
  std::string text = status.message() + " (counted among ranks ";
  for (const int rank : ranks) text += (rank == ranks.front() ? "" : ", ") + std::to_string(rank);
  return {status.code(), text + ")"};
}

}  // namespace

DeviceCalls::DeviceCalls(const Options& options, std::shared_ptr<Device> device)
    : options_(options), device_(std::move(device)) {}

Result<std::unique_ptr<DeviceCalls>> DeviceCalls::create(Bootstrap& bootstrap,
                                                         const Options& options,
                                                         std::shared_ptr<Device> device,
                                                         std::unique_ptr<Communicator::Impl> host,
                                                         const Group& group, Deadline deadline) {
  std::unique_ptr<DeviceCalls> calls(new DeviceCalls(options, std::move(device)));
  Status status = calls->open(bootstrap, std::move(host), group, deadline);
  if (!status.ok()) return status;
  return calls;
}

Status DeviceCalls::open(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
                         const Group& group, Deadline deadline) {
  rank_ = host->rank();
  ranks_ = host->ranks();
  no_visits_ = may_wait_in_kernels(bootstrap, *device_, deadline);
  if (group.host_count() == 1) {
    add_kernels(bootstrap, deadline);
  } else {
    levels_ = Levels::of(group, rank_);
    add_kernels_inside(bootstrap, *host, deadline);
  }
  memory_ = std::make_unique<DeviceMemory>(*device_, levels_ ? nullptr : boards_.get());
  return levels_ ? add_routes(bootstrap, std::move(host), deadline)
                 : add_route(bootstrap, std::move(host), deadline);
}

// Those of this host, among which kernels run if they do on all hosts. `host`: of all ranks.
void DeviceCalls::add_kernels_inside(Bootstrap& bootstrap, Communicator::Impl& host,
                                     Deadline deadline) {
  const auto none = [this](const char* why) {
    why_no_kernels_ = {Code::kNotSupported, why};
    levels_.reset();
  };
  if (!levels_) return none("hosts have one rank each, or not the same number of ranks");
  if (!options_.algorithm.empty()) return none("an algorithm is forced");
  if (options_.reproducible) return none("option reproducible is on");
  if (no_visits_.ok()) {
    MessageBootstrap inside(host, levels_->inside());
    add_kernels(inside, deadline);
  } else {
    why_no_kernels_ = no_visits_;
  }
  why_no_kernels_ = agree(bootstrap, why_no_kernels_, deadline);
  if (why_no_kernels_.ok()) return;
  kernels_.reset();
  boards_.reset();
  levels_.reset();
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
  const Result<KernelSize> size = agree_on_size(bootstrap, options_, deadline);
  why_no_kernels_ = size.status();
  if (!why_no_kernels_.ok()) return;
  CudaExecutor::Settings settings;
  settings.blocks = size->blocks;
  settings.threads = size->threads;
  settings.call_timeout = options_.call_timeout;
  settings.algorithm = *algorithm;
  if (levels_) settings.numbers = levels_->inside();
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

Status DeviceCalls::add_route(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
                              Deadline deadline) {
  Result<std::unique_ptr<HostRoute>> route = make_route(
      std::move(host), kernels_ != nullptr, [this](const Status& status) { fail(status); });
  if (Status status = agree(bootstrap, route.status(), deadline); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  route_ = std::move(*route);
  return {};
}

// The one of the rail first: it is made by messages on `host`.
Status DeviceCalls::add_routes(Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
                               Deadline deadline) {
  const std::vector<int> members = levels_->rail();
  Options options = HostRoute::options_of(options_, levels_->hosts());
  options.call_timeout += kRailPatience;
  Result<std::unique_ptr<Communicator::Impl>> rail_host = host->part(members, options);
  if (Status status = agree(bootstrap, rail_host.status(), deadline); !status.ok()) return status;
  Result<std::unique_ptr<HostRoute>> rail = make_route(
      std::move(*rail_host), false, [this](const Status& status) { fail_of_rail(status); });
  if (Status status = agree(bootstrap, rail.status(), deadline); !status.ok()) return status;
  const Result<std::byte*> scratch = device_->allocate(options_.scratch_bytes);
  if (Status status = agree(bootstrap, scratch.status(), deadline); !status.ok()) return status;
  scratch_ = {*scratch, options_.scratch_bytes};
  {
    const std::lock_guard lock(mutex_);
    rail_ = std::move(*rail);
  }
  return add_route(bootstrap, std::move(host), deadline);
}

Result<std::unique_ptr<HostRoute>> DeviceCalls::make_route(
    std::unique_ptr<Communicator::Impl> host, bool check_peers,
    std::function<void(const Status&)> on_failure) {
  return HostRoute::create(std::move(host), {.device = *device_,
                                             .no_kernels = no_visits_,
                                             .call_timeout = options_.call_timeout,
                                             .check_peers = check_peers,
                                             .look_around = [this] { return health(); },
                                             .on_failure = std::move(on_failure)});
}

DeviceCalls::~DeviceCalls() {
  rail_.reset();
  route_.reset();
  if (!scratch_.empty()) device_->release(scratch_.data());
}

void DeviceCalls::fail(const Status& status) { give_up(status, status.message()); }

// Ranks are numbered otherwise there. Who aborts tells all ranks too, in their own numbers: that is
// waited for.
void DeviceCalls::fail_of_rail(const Status& status) {
  const auto limit = std::chrono::steady_clock::now() + kRailPatience;
  while (status.code() == Code::kAborted && health().ok() &&
         std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  fail(counted_among(levels_->rail(), status));
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
  Status status = issue_steps(*level_steps(call, *levels_, scratch_), stream, captured);
  if (!status.ok()) fail(status);  // some of it may have been issued: ranks no longer agree
  return status;
}

Status DeviceCalls::issue_steps(const LevelSteps& steps, Stream stream, bool captured) {
  const auto inside = [&](const std::vector<Call>& calls) -> Status {
    for (const Call& call : calls) {
      const DeviceCall step = device_call_of(call, levels_->place, levels_->places());
      if (Status status = kernels_->enqueue(step, stream); !status.ok()) return status;
    }
    return {};
  };
  if (Status status = inside(steps.first); !status.ok()) return status;
  const Result<DeviceProxy::Visit> visit = rail_->proxy().begin(stream, captured);
  if (!visit.ok()) return visit.status();
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
    const bool by_levels = levels_.has_value();
    Status status = by_levels ? issue_levels(call, stream, captured) : issue_kernel(call, stream);
    if (!by_levels && status.code() == Code::kNotSupported) {
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
      explanation.algorithm = "two levels: kernels inside hosts, through host memory between them";
      explanation.transports = "cuda_p2p and " + rail_->host().transports();
      break;
    case Way::kHostMemory:
      explanation.algorithm = "through host memory";
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
    return text + "through host memory" + why;
  }
  text += "cuda_p2p";
  text += why_no_multicast_.ok() ? ", NVLS" : "; no NVLS: " + why_no_multicast_.message();
  if (boards_->kernels_take_turns()) {
    text += "; processes share a device without MPS: streams wait for peers, kernels do not";
  }
  return levels_ ? text + "; two levels, through host memory between hosts" : text;
}

}  // namespace tutti
