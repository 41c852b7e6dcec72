// Tested by heartbeat_watch_test.cc.

#include "transports/heartbeat/watch.h"

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "transports/heartbeat/datagram.h"
#include "transports/heartbeat/neighbours.h"

namespace tutti::heartbeat {
namespace {

using std::chrono::milliseconds;

// Spaced, so that what loses one goodbye does not lose the next.
constexpr Duration kFarewell = milliseconds(150);
constexpr Duration kBetweenGoodbyes = milliseconds(30);
constexpr Duration kLongTime = std::chrono::hours(1);

Duration period_of(Duration timeout) {
  return std::clamp<Duration>(timeout / 10, milliseconds(2), std::chrono::seconds(1));
}

std::string nothing_heard_for(Duration time) {
  char text[64];
  std::snprintf(text, sizeof text, "nothing heard from it for %g s",
                std::chrono::duration<double>(time).count());
  return text;
}

bool contains(const std::vector<int>& ranks, int rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

}  // namespace

Watch::Watch(int rank, int ranks, Duration timeout, Moment now)
    : rank_(rank),
      timeout_(timeout),
      period_(period_of(timeout)),
      time_(now, 2 * period_, timeout / 2),
      peers_(ranks),
      next_beat_(now),
      circle_changed_(true) {
  renew_neighbours();
}

// ---- what is heard and known

void Watch::begin() {
  judging_ = true;
  for (Peer& peer : peers_) peer.since = time_.now();
}

void Watch::hear(const Message& message, Moment now) {
  TUTTI_CHECK(message.from >= 0 && message.from < static_cast<int>(peers_.size()), "%d",
              message.from);
  if (silent_ || message.from == rank_) return;
  advance(now);
  peers_[message.from].heard = time_.now();
  for (const News& news : message.news) {
    if (news.rank == rank_ && news.fate == Fate::kDeparted) std::erase(awaited_, message.from);
    learn(news);
  }
  const bool is_told_why = message.kind == Kind::kBeat && fate(message.from) == Fate::kLost;
  if ((message.kind == Kind::kQuestion || is_told_why) && !contains(answers_, message.from)) {
    answers_.push_back(message.from);
  }
}

void Watch::learn(const News& news) {
  if (silent_ || fate(news.rank) != Fate::kAlive) return;
  if (news.rank != rank_) return note(news);
  // Nobody else can know that this rank departs before it does.
  if (news.fate != Fate::kLost) return;
  fall_silent(news,
              "rank " + std::to_string(news.by) + " has lost contact with this rank: " + news.why);
}

void Watch::note(const News& news) {
  peers_[news.rank].fate = news.fate;
  ledger_.push_back(news);
  ledger_.back().why.resize(std::min(news.why.size(), kMaxWhyBytes));
  std::erase(awaited_, news.rank);
  circle_changed_ = true;
}

void Watch::fall_silent(const News& own_loss, const std::string& why) {
  note(own_loss);
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    if (fate(rank) == Fate::kAlive) note({rank, Fate::kLost, own_loss.by, why});
  }
  silent_ = true;
  answers_.clear();
  reports_.clear();
}

void Watch::report(int rank, const std::string& why, Moment now) {
  TUTTI_CHECK(rank != rank_ && rank >= 0 && rank < static_cast<int>(peers_.size()), "%d", rank);
  const bool is_known = std::any_of(reports_.begin(), reports_.end(),
                                    [&](const Report& report) { return report.news.rank == rank; });
  if (silent_ || is_known || fate(rank) != Fate::kAlive) return;
  reports_.push_back({{rank, Fate::kLost, rank_, why}, now + period_ / 2});
}

void Watch::take_reports(Moment now) {
  for (const Report& report : reports_) {
    if (report.due <= now) learn(report.news);
  }
  std::erase_if(reports_, [&](const Report& report) { return report.due <= now; });
}

void Watch::depart(Moment now) {
  if (farewell_end_) return;
  farewell_end_ = now + kFarewell;
  next_beat_ = now;
  if (silent_) return;
  awaited_ = neighbours_;
  note({rank_, Fate::kDeparted, rank_, ""});
}

bool Watch::gone(Moment now) const {
  return farewell_end_ && (awaited_.empty() || now >= *farewell_end_);
}

std::vector<int> Watch::unheard() const {
  std::vector<int> ranks;
  for (const int rank : neighbours_) {
    if (!peers_[rank].heard) ranks.push_back(rank);
  }
  return ranks;
}

// ---- time and verdicts

void Watch::advance(Moment now) {
  if (time_.advance(now)) return;
  // What the others have sent meanwhile may be lost; what they send now will come soon.
  const Duration grace = time_.now() - timeout_ + 3 * period_;
  for (Peer& peer : peers_) peer.since = std::max(peer.since, grace);
}

Duration Watch::silence(int rank) const {
  const Peer& peer = peers_[rank];
  return time_.now() - std::max(peer.since, peer.heard.value_or(peer.since));
}

// Neighbours that are cut off at once fall silent within a period of each other.
bool Watch::hears_nobody() const {
  return neighbours_.size() > 1 &&
         std::none_of(neighbours_.begin(), neighbours_.end(), [this](int rank) {
           const std::optional<Duration>& heard = peers_[rank].heard;
           return heard && time_.now() - *heard <= timeout_ - 2 * period_;
         });
}

void Watch::judge(std::vector<Letter>& letters) {
  std::vector<int> lost;
  for (const int rank : neighbours_) {
    if (silence(rank) > timeout_) lost.push_back(rank);
  }
  if (!lost.empty() && hears_nobody()) return resign(letters);
  for (const int rank : lost) {
    learn({rank, Fate::kLost, rank_, nothing_heard_for(timeout_)});
  }
}

// The others may still hear this rank: they are told why it falls silent.
void Watch::resign(std::vector<Letter>& letters) {
  const News own_loss = {rank_, Fate::kLost, rank_, "it hears nobody any more"};
  Message last_words = message(Kind::kBeat);
  last_words.news.push_back(own_loss);
  for (const int rank : neighbours_) {
    letters.push_back(letter(rank, last_words));
    note({rank, Fate::kLost, rank_, nothing_heard_for(timeout_)});
  }
  fall_silent(own_loss, "this rank hears nobody any more");
}

// This rank stands on the circle even when it departs: only what it sends then ends.
std::vector<int> Watch::next_on_circle() const {
  std::vector<int> circle;
  int place = 0;
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    if (rank == rank_) place = static_cast<int>(circle.size());
    if (rank == rank_ || fate(rank) == Fate::kAlive) circle.push_back(rank);
  }
  std::vector<int> next = neighbours(place, static_cast<int>(circle.size()));
  for (int& rank : next) rank = circle[rank];
  return next;
}

// A neighbour that may be lost is kept until that is decided: when many are lost at once the circle
// changes so often that nobody would be watched for a whole timeout.
void Watch::renew_neighbours() {
  if (!circle_changed_) return;
  circle_changed_ = false;
  std::vector<int> next = next_on_circle();
  for (const int rank : next) {
    if (!contains(neighbours_, rank)) peers_[rank].since = time_.now();
  }
  for (const int rank : neighbours_) {
    const bool in_doubt = fate(rank) == Fate::kAlive && silence(rank) > 2 * period_;
    if (in_doubt && !contains(next, rank)) next.push_back(rank);
  }
  std::sort(next.begin(), next.end());
  neighbours_ = std::move(next);
}

// ---- what is said

std::vector<Letter> Watch::turn(Moment now) {
  std::vector<Letter> letters;
  if (!silent_) live_on(letters, now);
  if (now >= next_beat_) next_beat_ = now + pause();
  return letters;
}

void Watch::live_on(std::vector<Letter>& letters, Moment now) {
  advance(now);
  take_reports(now);
  renew_neighbours();
  if (judging_ && !farewell_end_) judge(letters);
  if (silent_) return;
  renew_neighbours();
  tell_fresh(letters);
  answer(letters);
  if (now >= next_beat_) farewell_end_ ? say_goodbye(letters) : beat(letters);
}

Duration Watch::pause() const {
  if (farewell_end_) return kBetweenGoodbyes;
  if (silent_ || neighbours_.empty()) return kLongTime;  // for ever
  const bool in_doubt = std::any_of(neighbours_.begin(), neighbours_.end(),
                                    [this](int rank) { return silence(rank) > timeout_ / 2; });
  return in_doubt ? period_ / 2 : period_;
}

Moment Watch::wake() const {
  Moment moment = farewell_end_ ? std::min(next_beat_, *farewell_end_) : next_beat_;
  for (const Report& report : reports_) moment = std::min(moment, report.due);
  return moment;
}

Letter Watch::letter(int to, const Message& message) const {
  const std::optional<Duration>& heard = peers_[to].heard;
  const bool in_doubt = !heard || time_.now() - *heard > timeout_ / 2;
  return {to, in_doubt, message};
}

// To all neighbours what was learned since the last time, in as many messages as it takes.
void Watch::tell_fresh(std::vector<Letter>& letters) {
  while (fresh_ < ledger_.size()) {
    Message page = message(Kind::kBeat);
    while (fresh_ < ledger_.size() && add_if_fits(page, ledger_[fresh_])) ++fresh_;
    for (const int rank : neighbours_) letters.push_back(letter(rank, page));
  }
}

// First of all what concerns the rank, which may not know how the others see it.
Message Watch::message_about(int rank, Kind kind) const {
  Message result = message(kind);
  for (const News& news : ledger_) {
    if (news.rank == rank) add_if_fits(result, news);
  }
  return result;
}

void Watch::answer(std::vector<Letter>& letters) {
  for (const int rank : answers_) {
    letters.push_back(letter(rank, message_about(rank, Kind::kAnswer)));
  }
  answers_.clear();
}

void Watch::beat(std::vector<Letter>& letters) {
  Message page = next_page();
  for (const int rank : neighbours_) {
    page.kind = silence(rank) > timeout_ / 2 ? Kind::kQuestion : Kind::kBeat;
    letters.push_back(letter(rank, page));
  }
}

void Watch::say_goodbye(std::vector<Letter>& letters) {
  const Message goodbye = message_about(rank_, Kind::kQuestion);
  for (const int rank : awaited_) letters.push_back(letter(rank, goodbye));
}

// As much of the ledger as fits; the next page goes on where this one ends.
Message Watch::next_page() {
  Message page = message(Kind::kBeat);
  for (std::size_t count = 0; count < ledger_.size(); ++count) {
    if (cursor_ >= ledger_.size()) cursor_ = 0;
    if (!add_if_fits(page, ledger_[cursor_])) break;
    ++cursor_;
  }
  return page;
}

}  // namespace tutti::heartbeat
