// Communicators made from communicators: by color, or of the survivors of a failure.
//
// Tested by split_test.cc and failure_test.cc.

#include <algorithm>
#include <cstring>
#include <thread>
#include <tuple>

#include "communicator/message_bootstrap.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// Values of Control::shrink.
constexpr std::uint64_t kEntered = 1;
constexpr std::uint64_t kPublished = 2;

bool is_member(const Control& control, int rank) {
  return (control.shrink_members[rank / 64] >> (rank % 64) & 1) != 0;
}

// The ranks that have called shrink(), once every other one is known to have ended or the deadline
// has passed.
class Survivors {
 public:
  Survivors(const Site& site, Clock::time_point deadline) : site_(site), deadline_(deadline) {}

  // The lowest rank that takes part, whom the others follow, as far as it can be known now.
  int leader() const {
    for (int r = 0; r < site_.ranks; ++r) {
      if (entered(r) && alive(r)) return r;
    }
    return site_.rank;
  }

  bool complete() const {
    if (Clock::now() >= deadline_) return true;
    for (int r = 0; r < site_.ranks; ++r) {
      if (!entered(r) && alive(r)) return false;
    }
    return true;
  }

  std::vector<int> members() const {
    std::vector<int> members;
    for (int r = 0; r < site_.ranks; ++r) {
      if (entered(r) && alive(r)) members.push_back(r);
    }
    return members;
  }

 private:
  bool entered(int rank) const {
    return site_.control_of(rank)->shrink.load(std::memory_order_acquire) >= kEntered;
  }
  bool alive(int rank) const {
    if (rank == site_.rank) return true;
    const bool left = site_.control_of(rank)->departed.load(std::memory_order_acquire) != 0;
    return !left && site_.transport->check(rank).ok();
  }

  const Site& site_;
  Clock::time_point deadline_;
};

std::vector<int> members_of(const Control& control, int ranks) {
  std::vector<int> members;
  for (int r = 0; r < ranks; ++r) {
    if (is_member(control, r)) members.push_back(r);
  }
  return members;
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

  MessageBootstrap bootstrap(*this, members);
  Result<std::unique_ptr<Impl>> impl =
      create(bootstrap, options_, Clock::now() + options_.start_timeout);
  if (!impl.ok()) return impl.status();
  return Communicator(std::move(*impl));
}

Result<Communicator> Communicator::Impl::shrink() {
  const Site& site = executor_->site();
  if (site.has_unmapped || site.ranks > kMostShrinkRanks) {
    return {Code::kNotSupported, "shrink: built for ranks of one host, at most 2048"};
  }
  background_.reset();  // what was started has failed, or ends now
  const Clock::time_point deadline = Clock::now() + options_.start_timeout;
  const Survivors survivors(site, deadline);
  Control& control = site.control();
  control.shrink.store(kEntered, std::memory_order_release);

  // Half of the time to gather, half to start.
  const Survivors patient(site, Clock::now() + options_.start_timeout / 2);
  while (Clock::now() < deadline) {
    const int leader = survivors.leader();
    const Control& theirs = *site.control_of(leader);
    if (leader == site.rank && patient.complete()) return lead_shrink(patient.members());
    if (leader != site.rank && theirs.shrink.load(std::memory_order_acquire) == kPublished) {
      return follow_shrink(leader);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {Code::kTimeout, "shrink: rank " + std::to_string(survivors.leader()) +
                              " leads and has not said who takes part"};
}

Result<Communicator> Communicator::Impl::lead_shrink(const std::vector<int>& members) {
  Control& control = executor_->site().control();
  Result<Invitation> invitation =
      make_unique_id({.interface = options_.interface, .start_timeout = options_.start_timeout});
  if (!invitation.ok()) return invitation.status();
  std::memcpy(control.shrink_id, invitation->id.bytes.data(), sizeof control.shrink_id);
  for (int r : members) control.shrink_members[r / 64] |= std::uint64_t{1} << (r % 64);
  control.shrink.store(kPublished, std::memory_order_release);
  return Communicator::create(invitation->id, place_of(members, rank()),
                              static_cast<int>(members.size()), options_);
}

Result<Communicator> Communicator::Impl::follow_shrink(int leader) {
  const Control& control = *executor_->site().control_of(leader);
  const std::vector<int> members = members_of(control, ranks());
  if (!is_member(control, rank())) {
    return {Code::kTimeout, "shrink: rank " + std::to_string(leader) +
                                " went ahead without this rank, which called too late"};
  }
  UniqueId id;
  std::memcpy(id.bytes.data(), control.shrink_id, id.bytes.size());
  return Communicator::create(id, place_of(members, rank()), static_cast<int>(members.size()),
                              options_);
}

}  // namespace tutti
