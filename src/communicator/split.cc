// Communicators made from communicators: by color, or of the survivors of a failure.
//
// Tested by split_test.cc and shrink_test.cc.

#include <algorithm>
#include <cstring>
#include <iterator>
#include <thread>
#include <tuple>

#include "communicator/device_calls.h"
#include "communicator/message_bootstrap.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// Values of Control::shrink while ranks shrink a communicator for the n-th time.
std::uint64_t entered(std::uint64_t n) { return 2 * n - 1; }
std::uint64_t published(std::uint64_t n) { return 2 * n; }

bool is_member(const ShrinkInvitation& invitation, int rank) {
  return (invitation.members[rank / 64] >> (rank % 64) & 1) != 0;
}

// What a rank has said about shrinking: in its window, or in messages to this one.
const std::atomic<std::uint64_t>& state_of(const Site& site, int rank) {
  const Control* control = site.control_of(rank);
  if (control != nullptr) return control->shrink;
  return line_at(site.windows[site.rank], site.layout.shrink_line(rank)).flag;
}

const ShrinkInvitation& invitation_of(const Site& site, int rank) {
  const Control* control = site.control_of(rank);
  if (control != nullptr) return control->invitation;
  return *reinterpret_cast<const ShrinkInvitation*>(site.windows[site.rank] +
                                                    site.layout.shrink_invitation(rank));
}

// The ranks that have called shrink() as often as this one, once every other one is known to have
// ended, is left out, or the deadline has passed.
class Survivors {
 public:
  Survivors(const Site& site, std::uint64_t round, std::span<const int> without,
            Clock::time_point deadline)
      : site_(site), round_(round), without_(without), deadline_(deadline) {}

  bool has_published(int rank) const { return state(rank) >= published(round_); }

  bool alive(int rank) const {
    if (rank == site_.rank) return true;
    if (std::find(without_.begin(), without_.end(), rank) != without_.end()) return false;
    const Control* control = site_.control_of(rank);
    const bool left = control != nullptr ? control->departed.load(std::memory_order_acquire) != 0
                                         : site_.transport->departed(rank);
    return !left && site_.transport->check(rank).ok();
  }

  bool complete() const {
    if (Clock::now() >= deadline_) return true;
    for (int r = 0; r < site_.ranks; ++r) {
      if (!has_entered(r) && alive(r)) return false;
    }
    return true;
  }

  // The first one leads. Once complete(), all ranks name the same.
  std::vector<int> members() const {
    std::vector<int> members;
    for (int r = 0; r < site_.ranks; ++r) {
      if (has_entered(r) && alive(r)) members.push_back(r);
    }
    return members;
  }

 private:
  // Pairs with the release of whoever said it; what it published came before.
  std::uint64_t state(int rank) const {
    return state_of(site_, rank).load(std::memory_order_acquire);
  }
  bool has_entered(int rank) const { return state(rank) >= entered(round_); }

  const Site& site_;
  const std::uint64_t round_;
  const std::span<const int> without_;
  const Clock::time_point deadline_;
};

std::vector<int> members_of(const ShrinkInvitation& invitation, int ranks) {
  std::vector<int> members;
  for (int r = 0; r < ranks; ++r) {
    if (is_member(invitation, r)) members.push_back(r);
  }
  return members;
}

// The network as the members see it.
SharedNetwork part_of(const SharedNetwork& network, const std::vector<int>& members) {
  SharedNetwork part = network;
  part.ranks.clear();
  for (const int member : members) {
    if (network.ucx != nullptr) part.ranks.push_back(network.ranks[member]);
  }
  return part;
}

int place_of(const std::vector<int>& members, int rank) {
  return static_cast<int>(std::find(members.begin(), members.end(), rank) - members.begin());
}

}  // namespace

Result<Communicator> Communicator::Impl::split(int color, int key) {
  const std::int32_t mine[2] = {color, key};
  std::vector<std::int32_t> all(2 * ranks());
  const Call exchange =
      tutti::all_gather({mine, 2, DataType::kInt32}, {all.data(), all.size(), DataType::kInt32});
  if (Status status = run({&exchange, 1}); !status.ok()) return status;
  if (color < 0) return Communicator(nullptr);

  std::vector<std::pair<int, int>> order;  // (key, rank)
  for (int r = 0; r < ranks(); ++r) {
    if (all[2 * r] == color) order.emplace_back(all[2 * r + 1], r);
  }
  std::sort(order.begin(), order.end());
  std::vector<int> members;
  for (const auto& [their_key, r] : order) members.push_back(r);

  Result<std::unique_ptr<Impl>> impl = part(members, options_);
  if (!impl.ok()) return impl.status();
  return Communicator(std::move(*impl));
}

Result<std::unique_ptr<Communicator::Impl>> Communicator::Impl::part(
    const std::vector<int>& members, const Options& options) {
  MessageBootstrap bootstrap(*this, members);
  return create(bootstrap, options, part_of(network_, members), same_device(),
                Clock::now() + options.start_timeout);
}

Result<Communicator> Communicator::Impl::shrink(std::span<const int> without) {
  const Site& site = executor_->site();
  for (const int rank : without) {
    if (rank >= 0 && rank < site.ranks && rank != site.rank) continue;
    return {Code::kInvalidArgument, "shrink: without rank " + std::to_string(rank) +
                                        ": expected 0 to " + std::to_string(site.ranks - 1) +
                                        ", and not this rank, " + std::to_string(site.rank)};
  }
  if (site.ranks > kMostShrinkRanks) {
    return {Code::kNotSupported, "shrink: built for at most 2048 ranks"};
  }
  background_.reset();  // what was started has failed, or ends now
  if (device_ != nullptr) device_->abort("the communicator shrinks");
  ++shrinks_;
  tell_survivors(entered(shrinks_));

  // Half of the time to gather, half to start.
  const Clock::time_point begin = Clock::now();
  const Survivors survivors(site, shrinks_, without, begin + options_.start_timeout / 2);
  while (Clock::now() < begin + options_.start_timeout) {
    for (int r = 0; r < site.ranks; ++r) {
      if (!survivors.has_published(r)) continue;
      // One that invited this rank and ended since is not followed: somebody else leads.
      if (!is_member(invitation_of(site, r), site.rank) || survivors.alive(r)) {
        return follow_shrink(r);
      }
    }
    if (survivors.complete()) {
      const std::vector<int> members = survivors.members();
      if (members[0] == site.rank) return lead_shrink(members);
    }
    executor_->use_transport([](Transport& transport) { transport.progress(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {Code::kTimeout, "shrink: rank " + std::to_string(survivors.members()[0]) +
                              " leads and has not said who takes part"};
}

// Near ranks look into this rank's window; far ones are sent the same.
void Communicator::Impl::tell_survivors(std::uint64_t state) {
  const Site& site = executor_->site();
  site.control().shrink.store(state, std::memory_order_release);
  if (!site.has_unmapped) return;
  const auto invitation = std::as_bytes(std::span(&site.control().invitation, 1));
  executor_->use_transport([&](Transport& transport) {
    for (int r = 0; r < site.ranks; ++r) {
      if (site.windows[r] != nullptr || !transport.check(r).ok()) continue;
      // Whoever cannot be told any more does not take part.
      if (state == published(shrinks_)) {
        (void)transport.put(r, invitation, site.layout.shrink_invitation(site.rank));
      }
      (void)transport.signal(r, site.layout.shrink_line(site.rank), {state, 0, {}});
    }
  });
}

Result<Communicator> Communicator::Impl::lead_shrink(const std::vector<int>& members) {
  Result<Invitation> meeting =
      make_unique_id({.interface = options_.interface, .start_timeout = options_.start_timeout});
  if (!meeting.ok()) return meeting.status();
  ShrinkInvitation& invitation = executor_->site().control().invitation;
  std::memcpy(invitation.id, meeting->id.bytes.data(), sizeof invitation.id);
  std::fill(std::begin(invitation.members), std::end(invitation.members), 0);
  for (int r : members) invitation.members[r / 64] |= std::uint64_t{1} << (r % 64);
  tell_survivors(published(shrinks_));
  return meet(meeting->id, place_of(members, rank()), static_cast<int>(members.size()), options_,
              same_device());
}

Result<Communicator> Communicator::Impl::follow_shrink(int leader) {
  const ShrinkInvitation& invitation = invitation_of(executor_->site(), leader);
  const std::vector<int> members = members_of(invitation, ranks());
  if (!is_member(invitation, rank())) {
    return {Code::kTimeout, "shrink: rank " + std::to_string(leader) +
                                " went ahead without this rank, which called too late"};
  }
  UniqueId id;
  std::memcpy(id.bytes.data(), invitation.id, id.bytes.size());
  return meet(id, place_of(members, rank()), static_cast<int>(members.size()), options_,
              same_device());
}

}  // namespace tutti
