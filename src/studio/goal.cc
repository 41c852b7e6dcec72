#include "studio/goal.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

namespace tutti {
namespace {

constexpr double kPerSecond = 1e9;

// Chunks that come with the signal that a rank takes on a line.
using Loads = std::map<std::pair<int, int>, int>;

Loads loads_of(const Cast& cast) {
  Loads loads;
  for (const Script& script : cast.scripts) {
    std::map<int, int> unsent;  // by peer: chunks written since the last signal
    for (const Deed& deed : script.deeds) {
      for (int i = 0; deed.kind == Deed::Kind::kMove && i < deed.touches; ++i) {
        ++unsent[script.touches[deed.first_touch + i].peer];
      }
      if (deed.kind != Deed::Kind::kGive) continue;
      loads[{deed.peer, deed.line}] = std::exchange(unsent[deed.peer], 0) + deed.carries;
    }
  }
  return loads;
}

// The text of one rank.
class RankGoal {
 public:
  RankGoal(const Production& production, const Machine& machine, const Loads& loads, int rank)
      : call_(production.call),
        cast_(production.cast),
        costs_(machine.rank),
        loads_(loads),
        rank_(rank) {}

  std::string write(std::size_t blocks) {
    text_ = "rank " + std::to_string(rank_) + " {\n";
    const auto lanes = static_cast<std::size_t>(call_.lanes);
    for (std::size_t block = 0; block < blocks; ++block) {
      last_ = block >= lanes ? ends_[block - lanes] : 0;
      for (const Deed& deed : cast_.scripts[rank_].deeds) write(deed, block);
      ends_.push_back(last_);
    }
    return text_ + "}\n";
  }

 private:
  double bytes_of(std::size_t block) const {
    const double before = static_cast<double>(call_.tile_bytes) * (call_.blocks - 1);
    return block + 1 < call_.blocks ? static_cast<double>(call_.tile_bytes)
                                    : static_cast<double>(call_.piece_bytes) - before;
  }

  void write(const Deed& deed, std::size_t block) {
    const std::string peer = std::to_string(deed.peer);
    switch (deed.kind) {
      case Deed::Kind::kMove: {
        const long long work = std::llround(own_work(deed, bytes_of(block)) * kPerSecond);
        if (work > 0) add("calc " + std::to_string(work));
        return;
      }
      case Deed::Kind::kGive:
        return add("send " + load_of(deed.peer, deed, block) + "b to " + peer + tag(deed, block));
      case Deed::Kind::kTake:
        return add("recv " + load_of(rank_, deed, block) + "b from " + peer + tag(deed, block));
    }
  }

  std::string tag(const Deed& deed, std::size_t block) const {
    return " tag " + std::to_string(block * cast_.lines + deed.line);
  }

  // A signal alone has a size, too.
  std::string load_of(int taker, const Deed& deed, std::size_t block) const {
    const double bytes = loads_.at({taker, deed.line}) * bytes_of(block);
    return std::to_string(std::llround(std::max(bytes, 1.0)));
  }

  double own_work(const Deed& deed, double bytes) const {
    const double user = static_cast<double>(call_.user_bytes);
    const double per_byte = deed.reads_user * costs_.read_user.at(user) +
                            deed.writes_user * costs_.write_user.at(user) +
                            deed.reads_scratch * costs_.read_scratch.memory +
                            deed.writes_scratch * costs_.write_scratch.memory +
                            std::max(deed.sources - 1, 0) * costs_.reduce;
    return costs_.instruction + bytes * per_byte;
  }

  void add(const std::string& what) {
    const std::string name = "l" + std::to_string(++labels_);
    text_ += name + ": " + what + "\n";
    if (last_ != 0) text_ += name + " requires l" + std::to_string(last_) + "\n";
    last_ = labels_;
  }

  const SimulatedCall& call_;
  const Cast& cast_;
  const RankCosts& costs_;
  const Loads& loads_;
  const int rank_;
  std::string text_;
  int labels_ = 0;
  int last_ = 0;           // label of the block's last line; 0: none
  std::vector<int> ends_;  // likewise, by block
};

bool reads_peers(const Cast& cast) {
  for (const Script& script : cast.scripts) {
    for (const Touch& touch : script.touches) {
      if (!touch.writes) return true;
    }
  }
  return false;
}

}  // namespace

Result<std::string> to_goal(const Production& production, const Machine& machine,
                            std::size_t blocks) {
  if (reads_peers(production.cast)) {
    return {Code::kNotSupported,
            production.algorithm + " reads memory of peers, for which GOAL has no word"};
  }
  std::size_t deeds = 0;
  for (const Script& script : production.cast.scripts) deeds += script.deeds.size();
  if (2 * deeds * blocks > kMostGoalLines) {
    return {Code::kNotSupported, "GOAL of " + std::to_string(2 * deeds * blocks) +
                                     " lines: expected at most " + std::to_string(kMostGoalLines) +
                                     "; take one block, or fewer ranks"};
  }
  const Loads loads = loads_of(production.cast);
  std::string text = "num_ranks " + std::to_string(machine.ranks) + "\n\n";
  for (int rank = 0; rank < machine.ranks; ++rank) {
    text += RankGoal(production, machine, loads, rank).write(blocks) + "\n";
  }
  return text;
}

}  // namespace tutti
