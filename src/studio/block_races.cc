#include "studio/block_races.h"

#include <algorithm>
#include <map>
#include <set>

#include "schedule/layout.h"

namespace tutti {
namespace {

using Clock = std::vector<int>;  // by block: works known

void join(Clock& clock, const Clock& other) {
  for (std::size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}

// What a thread block knows of all.
struct Knowledge {
  Clock seen;     // done, and its writes are visible
  Clock ordered;  // done
};

struct Access {
  int block = -1;
  int tick = 0;     // the block's own clock
  int work = 0;     // for messages
  int packet = -1;  // of a write: the event by which readers know of it
};

// One chunk, by the file's aliasing of input and output.
struct Memory {
  Access write;
  std::vector<Access> reads;  // since
};

class Races {
 public:
  Races(const BlockProgram& program, const std::vector<Turn>& order)
      : program_(program),
        order_(order),
        frame_(program.frame()),
        layout_(frame_, program.placement),
        memory_(layout_.count()),
        knowledge_(program.blocks.size(),
                   {Clock(program.blocks.size()), Clock(program.blocks.size())}),
        last_give_(program.lanes.size()),
        last_take_(program.lanes.size()) {
    find_inputs();
  }

  std::string run() {
    for (std::size_t turn = 0; turn < order_.size(); ++turn) {
      if (std::string wrong = take(static_cast<int>(turn)); !wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  const BlockWork& work_at(int turn) const {
    return program_.blocks[order_[turn].block].works[order_[turn].work];
  }

  void find_inputs() {
    holds_.resize(layout_.count());
    for (int gpu = 0; gpu < program_.gpus; ++gpu) {
      for (int i = 0; i < chunks_of(frame_, Space::kInput, gpu); ++i) {
        holds_[layout_.location(gpu, input(i))] = true;
      }
    }
  }

  std::string take(int turn) {
    const Turn& at = order_[turn];
    const BlockWork& work = work_at(turn);
    Knowledge& known = knowledge_[at.block];
    const int tick = known.ordered[at.block] = ++known.seen[at.block];
    switch (work.kind) {
      case WorkKind::kMove:
        return move(at, work, tick, packet_of(turn));
      case WorkKind::kGive:
        sent_[turn] = known;
        return in_order(last_give_[work.number], at, tick, "signals on");
      case WorkKind::kPost:
        sent_[turn] = known;
        return "";
      case WorkKind::kTake:
        learn(known, at.partner);
        sent_.erase(at.partner);
        return in_order(last_take_[work.number], at, tick, "waits on");
      case WorkKind::kPass:
        learn(known, at.partner);
        if (work.packet) passed_.insert({at.block, work.number});
        return "";
    }
    return "";
  }

  // The event that tells of a move, where it is a packet.
  int packet_of(int turn) const {
    const Turn& at = order_[turn];
    const std::vector<BlockWork>& works = program_.blocks[at.block].works;
    const std::size_t next = at.work + 1;
    const bool told = next < works.size() && works[next].kind == WorkKind::kPost;
    return told && works[next].packet ? works[next].number : -1;
  }

  void learn(Knowledge& known, int partner) {
    const Knowledge& theirs = sent_.at(partner);
    const BlockWork& given = work_at(partner);
    join(known.ordered, theirs.ordered);
    if (!given.relaxed && !given.packet) join(known.seen, theirs.seen);
  }

  std::string in_order(Access& last, const Turn& at, int tick, const char* what) {
    const Access before = last;
    last = {at.block, tick, at.work, -1};
    if (before.block < 0 || is_known(before, knowledge_[at.block].ordered)) return "";
    return "race: " + place(before) + " and " + place(last) + " " + what +
           " the same channel: expected one after the other";
  }

  bool is_known(const Access& access, const Clock& clock) const {
    return clock[access.block] >= access.tick;
  }

  std::string move(const Turn& at, const BlockWork& work, int tick, int packet) {
    for (const Cell& source : work.sources) {
      if (std::string wrong = read(source, at, tick); !wrong.empty()) return wrong;
    }
    return write(work.target, at, tick, packet);
  }

  int location(const Cell& cell) const {
    return layout_.location(cell.gpu, {cell.space, cell.index});
  }

  std::string read(const Cell& cell, const Turn& at, int tick) {
    const int location = this->location(cell);
    Memory& memory = memory_[location];
    const Access access{at.block, tick, at.work, -1};
    if (!holds_[location]) {
      return place(access) + " reads " + name_of(cell) + ", to which nothing was written before";
    }
    const Access& write = memory.write;
    const bool knows = write.block < 0 || is_known(write, knowledge_[at.block].seen) ||
                       passed_.contains({at.block, write.packet});
    if (!knows) return race(access, "reads", cell, write, "writes");
    memory.reads.push_back(access);
    return "";
  }

  std::string write(const Cell& cell, const Turn& at, int tick, int packet) {
    const int location = this->location(cell);
    Memory& memory = memory_[location];
    const Access access{at.block, tick, at.work, packet};
    const Knowledge& known = knowledge_[at.block];
    for (const Access& read : memory.reads) {
      if (!is_known(read, known.ordered)) return race(access, "writes", cell, read, "reads");
    }
    if (memory.write.block >= 0 && !is_known(memory.write, known.seen)) {
      return race(access, "writes", cell, memory.write, "writes");
    }
    memory = {access, {}};
    holds_[location] = true;
    return "";
  }

  std::string place(const Access& access) const {
    const Block& block = program_.blocks[access.block];
    return place_of(block, block.works[access.work]);
  }

  std::string race(const Access& now, const char* does, const Cell& cell, const Access& before,
                   const char* did) const {
    return "race: " + place(now) + " " + does + " " + name_of(cell) + ", which " + place(before) +
           " " + did + ": nothing orders the two";
  }

  const BlockProgram& program_;
  const std::vector<Turn>& order_;
  const Schedule frame_;
  const Layout layout_;
  std::vector<Memory> memory_;  // by location
  std::vector<bool> holds_;     // by location: something was written there, or is input
  std::vector<Knowledge> knowledge_;
  std::vector<Access> last_give_, last_take_;  // by lane
  std::map<int, Knowledge> sent_;              // by turn of a give or post
  std::set<std::pair<int, int>> passed_;       // blocks and packets
};

}  // namespace

std::string find_block_race(const BlockProgram& program, const std::vector<Turn>& order) {
  return Races(program, order).run();
}

}  // namespace tutti
