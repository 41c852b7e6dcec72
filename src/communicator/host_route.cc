#include "communicator/host_route.h"

#include <algorithm>
#include <utility>

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPeersChecked{200};

}  // namespace

Options HostRoute::options_of(const Options& options, int ranks) {
  Options inside = options;
  inside.device = -1;
  const std::size_t bytes = StagingLayout(ranks).bytes();
  inside.heap_bytes = (bytes + Heap::kAlignment - 1) / Heap::kAlignment * Heap::kAlignment;
  return inside;
}

Result<std::unique_ptr<HostRoute>> HostRoute::create(std::unique_ptr<Communicator::Impl> host,
                                                     Setting given) {
  std::unique_ptr<HostRoute> route(new HostRoute(std::move(host), std::move(given)));
  const Setting& setting = route->setting_;
  Result<std::unique_ptr<DeviceVisits>> visits =
      DeviceVisits::create(setting.device, setting.no_kernels, setting.call_timeout);
  if (!visits.ok()) return visits.status();
  route->visits_ = std::move(*visits);
  if (setting.annex != nullptr) {
    Status opened = setting.annex->open(route->visits_->copier(kLineWithin));
    if (!opened.ok()) return opened;
    route->host_->add_annex(*setting.annex);
  }
  const StagingLayout layout(route->host_->ranks());
  Result<Memory> memory = route->host_->allocate(layout.bytes());
  if (!memory.ok()) return memory.status();
  route->staging_memory_ = std::move(*memory);
  Result<std::unique_ptr<Staging>> staging =
      Staging::create(setting.device, layout, route->staging_memory_.data(), *route->visits_,
                      route->direct_staging());
  if (!staging.ok()) return staging.status();
  route->staging_ = std::move(*staging);
  route->proxy_ = std::make_unique<DeviceProxy>(DeviceProxy::Setting{
      .visits = *route->visits_,
      .staging = *route->staging_,
      .rank = route->host_->rank(),
      .call_timeout = setting.call_timeout,
      .run = [self = route.get()](CallFeed& feed) { return self->host_->run(feed); },
      .look_around = [self = route.get()] { return self->look_around(); },
      .on_failure = setting.on_failure});
  return route;
}

// Within a host, ranks do not reach each other's annexes.
DirectStaging HostRoute::direct_staging() const {
  if (setting_.annex == nullptr) return {};
  const Group& group = host_->group();
  DirectStaging direct{.memory = host_->in_annex(staging_memory_.data()),
                       .collectives = group.host_count() == group.ranks};
  const int me = host_->rank();
  for (int peer = 0; peer < group.ranks; ++peer) {
    direct.peers.push_back(peer == me || group.host_of(peer) != group.host_of(me));
  }
  return direct;
}

bool HostRoute::go_directly(std::span<const StagedCall> calls) const {
  return !calls.empty() &&
         std::all_of(calls.begin(), calls.end(), [this](const StagedCall& staged) {
           return staging_->direct().takes(staged.call);
         });
}

// Through one of its ways a rank learns what has happened to a peer in another.
Status HostRoute::look_around() {
  if (Status status = host_->failure(); !status.ok()) return status;
  if (Status status = setting_.look_around(); !status.ok()) return status;
  const Clock::time_point now = Clock::now();
  if (!setting_.check_peers || now - peers_checked_ < kPeersChecked) return {};
  peers_checked_ = now;
  return host_->check_peers();
}

}  // namespace tutti
