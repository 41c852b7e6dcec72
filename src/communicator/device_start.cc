// What a communicator needs for calls on memory of a device, made at its start. Tested by
// enqueue_test.cc.

#include <algorithm>
#include <optional>
#include <utility>

#include "algorithms/catalog.h"
#include "bootstrap/exchange.h"
#include "communicator/device_calls.h"
#include "communicator/message_bootstrap.h"

namespace tutti {
namespace {

// Who does not come, the ranks of its host know best: those of its rail, who wait for them, wait
// longer.
constexpr std::chrono::seconds kRailPatience{1};

// Memory of the device, beyond which it must be asked for: it grows with the ranks.
constexpr std::size_t kMostAnnex = std::size_t{256} << 20;

// What kernels are told of Options::algorithm: they take one name.
Result<std::string> algorithm_of_kernels(const std::string& option) {
  if (option.find(',') != std::string::npos) {
    return {Code::kNotSupported,
            "algorithm: \"" + option + "\": kernels can be forced to one only"};
  }
  return option.substr(option.find(':') + 1);  // all of it where there is no colon
}

// How large kernels may be, and what is left to copies: where ranks want different things, the
// smallest kernels, and the fewest copies that anybody asks for.
struct KernelSize {
  int blocks = 0;
  int threads = 0;
  std::optional<std::size_t> copies_from;
};

Result<KernelSize> agree_on_size(Bootstrap& bootstrap, const Options& options, Deadline deadline) {
  const Result<KernelSize> mine =
      KernelSize{options.device_blocks, options.device_threads, options.device_copies};
  const auto results = exchange(bootstrap, mine, deadline);
  if (!results.ok()) return results.status();
  const auto all = all_values(*results);
  if (!all.ok()) return all.status();
  KernelSize least = *mine;
  for (const KernelSize& one : *all) {
    least.blocks = std::min(least.blocks, one.blocks);
    least.threads = std::min(least.threads, one.threads);
    least.copies_from = std::max(least.copies_from, one.copies_from);  // none is less than any
  }
  return least;
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
  memory_ = std::make_unique<DeviceMemory>(*device_, boards_.get());
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
  settings.copies_from = size->copies_from;
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
      bootstrap, std::move(host), [this](const Status& status) { fail(status); }, deadline);
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
      bootstrap, std::move(*rail_host), [this](const Status& status) { fail_of_rail(status); },
      deadline);
  if (Status status = agree(bootstrap, rail.status(), deadline); !status.ok()) return status;
  const Result<std::byte*> scratch = device_->allocate(options_.scratch_bytes);
  if (scratch.ok()) scratch_ = {*scratch, options_.scratch_bytes};
  if (Status status = agree(bootstrap, scratch.status(), deadline); !status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    rail_ = std::move(*rail);
  }
  return add_route(bootstrap, std::move(host), deadline);
}

// Those of the rail hear of lost peers from the route of all ranks.
Result<std::unique_ptr<HostRoute>> DeviceCalls::make_route(
    Bootstrap& bootstrap, std::unique_ptr<Communicator::Impl> host,
    std::function<void(const Status&)> on_failure, Deadline deadline) {
  Result<std::unique_ptr<DeviceAnnex>> annex = make_annex(bootstrap, *host, deadline);
  if (!annex.ok() && options_.gpudirect.value_or(false)) {
    return Status(annex.status().code(), "option gpudirect is on: " + annex.status().message());
  }
  const bool is_of_all = host->ranks() == ranks_;
  return HostRoute::create(std::move(host), {.device = *device_,
                                             .no_kernels = no_visits_,
                                             .call_timeout = options_.call_timeout,
                                             .annex = annex.ok() ? std::move(*annex) : nullptr,
                                             .why_not_direct = annex.status(),
                                             .check_peers = is_of_all && kernels_ != nullptr,
                                             .look_around = [this] { return health(); },
                                             .on_failure = std::move(on_failure)});
}

// This rank's answer.
Status DeviceCalls::may_go_directly(Communicator::Impl& host) const {
  if (!options_.gpudirect.value_or(true)) return {Code::kNotSupported, "option gpudirect is off"};
  const DeviceFacts& facts = device_->facts();
  if (!facts.takes_network_writes) {
    return {Code::kNotSupported, facts.name + " takes no writes of network devices"};
  }
  const DirectPuts puts = host.direct_puts(facts.memory);
  if (!puts.possible.ok() || options_.gpudirect.has_value()) return puts.possible;
  if (!puts.worthwhile.ok()) return puts.worthwhile;
  if (host.annex_bytes() <= kMostAnnex) return {};
  return {Code::kNotSupported, "among " + std::to_string(host.ranks()) + " ranks it takes " +
                                   std::to_string(host.annex_bytes()) + " bytes of the device"};
}

// Null among ranks of one host. The same on all ranks of `bootstrap`.
Result<std::unique_ptr<DeviceAnnex>> DeviceCalls::make_annex(Bootstrap& bootstrap,
                                                             Communicator::Impl& host,
                                                             Deadline deadline) const {
  if (host.group().host_count() == 1) return std::unique_ptr<DeviceAnnex>();
  if (Status status = agree(bootstrap, may_go_directly(host), deadline); !status.ok()) {
    return status;
  }
  Result<std::unique_ptr<DeviceAnnex>> annex = DeviceAnnex::create(*device_, host.annex_bytes());
  if (Status status = agree(bootstrap, annex.status(), deadline); !status.ok()) return status;
  return annex;
}

}  // namespace tutti
