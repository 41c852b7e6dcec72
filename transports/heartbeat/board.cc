// Tested by heartbeat_test.cc.

#include "transports/heartbeat/board.h"

#include "base/check.h"

namespace tutti::heartbeat {
namespace {

std::string sentence(const News& news, const Identity& who) {
  return describe(news.rank, who) + " is lost: " + news.why + " (said by rank " +
         std::to_string(news.by) + ")";
}

}  // namespace

Board::Board(std::vector<Identity> ranks)
    : ranks_(std::move(ranks)), fates_(ranks_.size()), sentences_(ranks_.size()) {}

void Board::publish(const News& news) {
  TUTTI_CHECK(fate(news.rank) == Fate::kAlive, "rank %d", news.rank);
  if (news.fate == Fate::kLost) {
    const std::lock_guard lock(mutex_);
    sentences_[news.rank] = sentence(news, ranks_[news.rank]);
  }
  fates_[news.rank].store(news.fate, std::memory_order_release);
  if (news.fate == Fate::kLost) all_well_.store(false, std::memory_order_relaxed);
}

Fate Board::fate(int rank) const {
  TUTTI_CHECK(rank >= 0 && rank < static_cast<int>(ranks_.size()), "rank %d", rank);
  return fates_[rank].load(std::memory_order_acquire);
}

Status Board::check(int rank) const {
  if (all_well_.load(std::memory_order_relaxed) || fate(rank) != Fate::kLost) return {};
  const std::lock_guard lock(mutex_);
  return {Code::kPeerLost, sentences_[rank]};
}

}  // namespace tutti::heartbeat
