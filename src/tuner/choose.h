// Which way a call goes: the one that the model says is the fastest, unless a rule or an option
// says otherwise. A pure function of what all ranks agree on.
//
// Tested by choose_test.cc.

#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "tuner/predict.h"
#include "tuner/rules.h"
#include "tutti/status.h"

namespace tutti {

struct Question {
  Collective collective = Collective::kBarrier;
  DataType type = DataType::kUint8;
  std::size_t bytes = 0;  // of the largest buffer: all ranks' parts together
  bool mapped = false;    // peers can reach the buffers
  bool reachable = true;  // peers can reach scratch memory, at least
  bool in_place = false;
  bool variable = false;  // counts per rank
  bool reproducible = false;
  std::string_view forced;  // "" or the name of an algorithm
  std::size_t forced_tile_bytes = 0;
  int forced_lanes = 0;
};

/// Whether outputs are so large that they go past the caches.
bool streams(const Question& question);

/// A way, and what is thought of it.
struct Candidate {
  Way way;
  double seconds = kUnknown;  // predicted
  std::string objection;      // "" or why it cannot run the call
  bool crowds = false;        // ranks talk to more hosts than they should

  /// What takes too much memory, or would take too long to look at.
  static constexpr double kUnknown = std::numeric_limits<double>::infinity();
};

struct Choice {
  Way way;
  std::string_view reason;  // "model", "rule", "option"
};

class Chooser {
 public:
  Chooser(const Surroundings& surroundings, Rules rules)
      : predictor_(surroundings), rules_(std::move(rules)) {}

  /// kNotSupported names the algorithm that was asked for and why it does not do.
  Result<Choice> choose(const Question& question);

  /// Every algorithm of the collective, each in its best way; the fastest first, those that cannot
  /// last. What is forced does not matter.
  std::vector<Candidate> candidates(const Question& question);

  const Group& group() const { return predictor_.surroundings().group; }

 private:
  // Calls that go the same way: sizes are told apart by half powers of two.
  using Kind = std::tuple<Collective, int, bool, bool, bool, bool, bool>;

  std::string objection(const Question& question, const Algorithm& algorithm) const;
  Candidate best(const Question& question, const Algorithm& algorithm);
  Way plain(const Question& question, const Algorithm& algorithm) const;
  Candidate think(const Question& question, const Algorithm& algorithm);
  Result<Way> asked_for(const Question& question, std::string_view name);
  Way preferred(const Question& question);

  Predictor predictor_;
  const Rules rules_;
  std::map<Kind, Way> preferred_;
  // By algorithm, size, and whether buffers are mapped, and outputs streamed: what was thought of.
  std::map<std::tuple<const Algorithm*, std::size_t, bool, bool>, Candidate> known_;
};

}  // namespace tutti
