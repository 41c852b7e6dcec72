// The threads of one process meet. Tested by thread_bootstrap_test.cc.

#include "bootstrap/thread_bootstrap.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "base/check.h"

namespace tutti {
namespace {

// One all_gather: what came in so far, and how many ranks are done with it.
struct Round {
  std::vector<std::optional<std::string>> given;
  int arrived = 0;
  int done = 0;

  explicit Round(int ranks) : given(ranks) {}
};

// The place where the ranks meet. A rank may be a round ahead of another, so rounds are kept apart
// by number.
class Meeting {
 public:
  explicit Meeting(int ranks) : left_(ranks) {}

  int ranks() const { return static_cast<int>(left_.size()); }

  Result<std::vector<std::string>> all_gather(int rank, std::uint64_t number,
                                              const std::string& mine, Deadline deadline) {
    std::unique_lock lock(mutex_);
    Round& round = rounds_.try_emplace(number, ranks()).first->second;
    round.given[rank] = mine;
    if (++round.arrived == ranks()) changed_.notify_all();
    changed_.wait_until(lock, deadline,
                        [&] { return round.arrived == ranks() || someone_left(round); });
    Result<std::vector<std::string>> result = outcome(round);
    if (++round.done == ranks()) rounds_.erase(number);
    return result;
  }

  void leave(int rank) {
    const std::lock_guard lock(mutex_);
    left_[rank] = true;
    changed_.notify_all();
  }

 private:
  bool someone_left(const Round& round) const {
    for (int rank = 0; rank < ranks(); ++rank) {
      if (left_[rank] && !round.given[rank]) return true;
    }
    return false;
  }

  Result<std::vector<std::string>> outcome(const Round& round) const {
    if (round.arrived < ranks()) return absent(round);
    std::vector<std::string> all;
    all.reserve(ranks());
    for (const std::optional<std::string>& given : round.given) all.push_back(*given);
    return all;
  }

  Status absent(const Round& round) const {
    const bool left = someone_left(round);
    std::string names;
    for (int rank = 0; rank < ranks(); ++rank) {
      if (round.given[rank] || (left && !left_[rank])) continue;
      names += (names.empty() ? "" : ", ") + std::to_string(rank);
    }
    if (left) return {Code::kPeerLost, "ranks that left before the all-gather: " + names};
    return {Code::kTimeout, "ranks missing from the all-gather at its deadline: " + names};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Round> rounds_;
  std::vector<bool> left_;
};

class ThreadBootstrap final : public Bootstrap {
 public:
  ThreadBootstrap(int rank, std::shared_ptr<Meeting> meeting)
      : rank_(rank), meeting_(std::move(meeting)) {}
  ~ThreadBootstrap() override { meeting_->leave(rank_); }

  int rank() const override { return rank_; }
  int ranks() const override { return meeting_->ranks(); }

  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    return meeting_->all_gather(rank_, round_++, mine, deadline);
  }

 private:
  const int rank_;
  std::uint64_t round_ = 0;
  // Shared: the ranks are equals and end in any order; the last one out frees the meeting.
  const std::shared_ptr<Meeting> meeting_;
};

}  // namespace

std::vector<std::unique_ptr<Bootstrap>> make_thread_bootstraps(int ranks) {
  TUTTI_CHECK(ranks > 0, "ranks %d", ranks);
  const auto meeting = std::make_shared<Meeting>(ranks);
  std::vector<std::unique_ptr<Bootstrap>> bootstraps;
  for (int rank = 0; rank < ranks; ++rank) {
    bootstraps.push_back(std::make_unique<ThreadBootstrap>(rank, meeting));
  }
  return bootstraps;
}

}  // namespace tutti
