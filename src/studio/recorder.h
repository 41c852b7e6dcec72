// What happened in a simulation, as far as one wants to look at: acts of ranks, waiting in between,
// and messages.
//
// Tested by studio_pictures_test.cc.

#pragma once

#include <vector>

#include "simulator/simulate.h"

namespace tutti {

enum class ActKind { kStart, kCopy, kReduce, kPut, kRead, kSignal, kTake, kWait };

struct Act {
  ActKind kind = ActKind::kCopy;
  int rank = 0;
  std::size_t block = 0;
  int deed = 0;  // of the rank's script; of a wait: what could not be done yet, -1: a new block
  double begin = 0;
  double end = 0;

  bool operator==(const Act&) const = default;
};

struct SentMessage {
  int from = 0;
  int to = 0;  // its representative
  double bytes = 0;
  double begin = 0;
  double end = 0;

  bool operator==(const SentMessage&) const = default;
};

class Recorder final : public Spectator {
 public:
  /// Ranks from `ranks` on are not looked at; acts and messages after the first `most` of either
  /// are left out. `cast` must outlive it.
  Recorder(const Cast& cast, int ranks, std::size_t most);

  void acted(int rank, std::size_t block, int deed, double begin, double end) override;
  void carried(int from, int to, double bytes, double begin, double end) override;

  const std::vector<Act>& acts() const { return acts_; }  // in the order of their ends, by rank
  const std::vector<SentMessage>& messages() const { return messages_; }
  int ranks() const { return ranks_; }
  /// Until when nothing is left out: infinity where nothing is.
  double complete_until() const { return complete_until_; }

 private:
  void note(const Act& act);

  const Cast& cast_;
  const int ranks_;
  const std::size_t most_;
  std::vector<Act> acts_;
  std::vector<SentMessage> messages_;
  std::vector<double> busy_until_;  // by rank
  double complete_until_ = kNever;
};

/// In plain words: "reduce 3 chunks, put to rank 4".
std::string words_for(const Cast& cast, const Act& act);
std::string_view name(ActKind kind);

}  // namespace tutti
