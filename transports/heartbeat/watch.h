// What one rank knows about the life of the others, and what it tells them: the whole logic of
// heartbeats, without sockets, threads or a clock of its own.
//
// Ranks that live stand on a circle in rank order, and each exchanges messages with its neighbours
// there (neighbours.h), one every period. When a rank is lost or departs the circle closes and has
// new neighbours, so that everybody who lives is watched as long as there are two.
//
// A neighbour that is silent for half the timeout is asked, at twice the pace and at all its
// addresses; one that is silent for the whole timeout is lost. News travels as gossip: every
// message carries what its sender knows, and what a rank learns it passes on at once. What ranks
// know only grows, and everyone takes everyone's word, so in the end all know the same losses.
// Of contradictory news about a rank (it said goodbye; it is lost) the first that comes stays.
//
// Two exceptions keep one rank's trouble from becoming everybody's. A rank that hears none of two
// or more neighbours takes itself for the one that is cut off. A rank that is told that it is lost
// takes all others for lost. Both then say no more.
//
// Every function is given the time; what one loop of the caller does has one time, taken before the
// messages that have come are read. Tested by heartbeat_watch_test.cc.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "transports/heartbeat/news.h"
#include "transports/heartbeat/own_time.h"

namespace tutti::heartbeat {

using Moment = OwnTime::Moment;
using Duration = OwnTime::Duration;

/// A message on its way.
struct Letter {
  int to = 0;
  bool everywhere = false;  // to all addresses that the rank may have, not to the last that worked
  Message message;
};

class Watch {
 public:
  Watch(int rank, int ranks, Duration timeout, Moment now);

  /// All have met: from now on silence means something.
  void begin();
  void hear(const Message& message, Moment now);
  /// The caller knows that the rank is lost. Held back for a moment, in which a goodbye may come.
  void report(int rank, const std::string& why, Moment now);
  /// Says goodbye, again and again, until gone().
  void depart(Moment now);

  /// Judges, and gives what is to be sent. Call it after what has come was heard, and at wake().
  std::vector<Letter> turn(Moment now);
  Moment wake() const;

  /// Neighbours that were never heard, ascending.
  std::vector<int> unheard() const;
  Fate fate(int rank) const { return peers_[rank].fate; }
  /// Everything that is known, in the order in which it was learned. Only grows.
  const std::vector<News>& ledger() const { return ledger_; }
  /// The goodbye has reached all neighbours, or was said often enough.
  bool gone(Moment now) const;

 private:
  struct Peer {
    Fate fate = Fate::kAlive;
    std::optional<Duration> heard;  // in own time, as all that follows
    Duration since{0};              // silence is not counted before
  };

  void live_on(std::vector<Letter>& letters, Moment now);
  Duration pause() const;
  void advance(Moment now);
  Duration silence(int rank) const;
  bool hears_nobody() const;
  void judge(std::vector<Letter>& letters);
  void resign(std::vector<Letter>& letters);
  void fall_silent(const News& own_loss, const std::string& why);
  void learn(const News& news);
  void note(const News& news);
  void take_reports(Moment now);
  std::vector<int> next_on_circle() const;
  void renew_neighbours();
  Message message(Kind kind) const { return {rank_, kind, {}}; }
  Message message_about(int rank, Kind kind) const;
  Letter letter(int to, const Message& message) const;
  void tell_fresh(std::vector<Letter>& letters);
  void answer(std::vector<Letter>& letters);
  void beat(std::vector<Letter>& letters);
  void say_goodbye(std::vector<Letter>& letters);
  Message next_page();

  struct Report {
    News news;
    Moment due;
  };

  const int rank_;
  const Duration timeout_, period_;
  OwnTime time_;
  std::vector<Peer> peers_;      // by rank; this rank too
  std::vector<int> neighbours_;  // ranks
  std::vector<News> ledger_;
  std::size_t fresh_ = 0;   // of the ledger, from here on nothing was told yet
  std::size_t cursor_ = 0;  // of the ledger, where the next page begins
  std::vector<int> answers_;
  std::vector<Report> reports_;
  Moment next_beat_;
  bool judging_ = false;
  bool circle_changed_ = false;
  bool silent_ = false;                 // this rank counts as lost
  std::optional<Moment> farewell_end_;  // once it departs
  std::vector<int> awaited_;            // neighbours that may not know of it yet
};

}  // namespace tutti::heartbeat
