#include "studio/interleave.h"

#include <algorithm>
#include <deque>
#include <map>

#include "base/check.h"

namespace tutti {
namespace {

class Interleaver {
 public:
  explicit Interleaver(const BlockProgram& program)
      : program_(program),
        next_(program.blocks.size()),
        given_(program.lanes.size()),
        posted_(program.events, -1) {}

  Result<std::vector<Turn>> run() {
    while (round()) {
    }
    for (std::size_t block = 0; block < next_.size(); ++block) {
      if (next_[block] < works(block).size()) return stuck(block);
    }
    for (std::size_t lane = 0; lane < given_.size(); ++lane) {
      if (!given_[lane].empty()) return untaken(given_[lane].front());
    }
    return turns_;
  }

 private:
  const std::vector<BlockWork>& works(std::size_t block) const {
    return program_.blocks[block].works;
  }

  // False when nothing could be done.
  bool round() {
    const int before = static_cast<int>(turns_.size());
    for (std::size_t block = 0; block < next_.size(); ++block) {
      bool waited = false;
      while (next_[block] < works(block).size()) {
        const std::size_t end = end_of_stretch(block);
        if (waited && waits(block, end)) break;
        if (!can_take(block, end, before)) break;
        waited |= waits(block, end);
        while (next_[block] < end) take(static_cast<int>(block), before);
      }
    }
    return static_cast<int>(turns_.size()) > before;
  }

  // What a thread block does in one go: its step, up to where it waits for what it must tell first.
  std::size_t end_of_stretch(std::size_t block) const {
    std::size_t end = next_[block];
    bool told = false;
    for (; end < works(block).size() && works(block)[end].step == works(block)[next_[block]].step;
         ++end) {
      const WorkKind kind = works(block)[end].kind;
      if (told && (kind == WorkKind::kTake || kind == WorkKind::kPass)) break;
      told |= kind == WorkKind::kGive || kind == WorkKind::kPost;
    }
    return end;
  }

  bool waits(std::size_t block, std::size_t end) const {
    return std::any_of(works(block).begin() + static_cast<std::ptrdiff_t>(next_[block]),
                       works(block).begin() + static_cast<std::ptrdiff_t>(end),
                       [](const BlockWork& work) {
                         return work.kind == WorkKind::kTake || work.kind == WorkKind::kPass;
                       });
  }

  // Whether all had happened before the turn `now`.
  bool can_take(std::size_t block, std::size_t end, int now) const {
    std::map<int, std::size_t> taken;  // by lane
    for (std::size_t at = next_[block]; at < end; ++at) {
      const BlockWork& work = works(block)[at];
      if (work.kind == WorkKind::kTake) {
        const std::deque<int>& queue = given_[work.number];
        const std::size_t turn = taken[work.number]++;
        if (turn >= queue.size() || queue[turn] >= now) return false;
      } else if (work.kind == WorkKind::kPass) {
        if (posted_[work.number] < 0 || posted_[work.number] >= now) return false;
      }
    }
    return true;
  }

  void take(int block, int now) {
    const BlockWork& work = works(block)[next_[block]];
    Turn turn{block, static_cast<int>(next_[block]++), -1};
    const int here = static_cast<int>(turns_.size());
    switch (work.kind) {
      case WorkKind::kTake:
        turn.partner = given_[work.number].front();
        given_[work.number].pop_front();
        break;
      case WorkKind::kPass:
        turn.partner = posted_[work.number];
        break;
      case WorkKind::kGive:
        given_[work.number].push_back(here);
        break;
      case WorkKind::kPost:
        posted_[work.number] = here;
        break;
      case WorkKind::kMove:
        break;
    }
    TUTTI_CHECK(turn.partner < now, "turn %d", turn.partner);
    turns_.push_back(turn);
  }

  Status stuck(std::size_t block) const {
    const BlockWork& work =
        *std::find_if(works(block).begin() + static_cast<std::ptrdiff_t>(next_[block]),
                      works(block).end(), [this](const BlockWork& w) { return is_missing(w); });
    const std::string what =
        work.kind == WorkKind::kTake
            ? "gpu " + std::to_string(program_.lanes[work.number].from)
            : std::string(work.packet ? "a packet" : "another thread block of its gpu");
    return {Code::kInvalidArgument,
            "deadlock: " + place_of(program_.blocks[block], work) + " waits for ever for " + what};
  }

  bool is_missing(const BlockWork& work) const {
    if (work.kind == WorkKind::kTake) return given_[work.number].empty();
    return work.kind == WorkKind::kPass && posted_[work.number] < 0;
  }

  Status untaken(int turn) const {
    const Block& block = program_.blocks[turns_[turn].block];
    const BlockWork& work = block.works[turns_[turn].work];
    return {Code::kInvalidArgument, place_of(block, work) + " signals gpu " +
                                        std::to_string(program_.lanes[work.number].to) +
                                        ", which never waits for it"};
  }

  const BlockProgram& program_;
  std::vector<std::size_t> next_;       // by block: the first work not done
  std::vector<std::deque<int>> given_;  // by lane: turns of gives not taken
  std::vector<int> posted_;             // by event: its turn
  std::vector<Turn> turns_;
};

}  // namespace

Result<std::vector<Turn>> interleave(const BlockProgram& program) {
  return Interleaver(program).run();
}

}  // namespace tutti
