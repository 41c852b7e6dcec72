// Vector clocks over one trace. Cost: O(ranks) a wait, and for each write the number of reads since
// the write before it. Tested by verify_test.cc.

#include "schedule/races.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace tutti {
namespace {

// A point in a rank's program; times count from 1, so that 0 is "has not begun".
struct Moment {
  int rank = kNone;
  int time = 0;
};

// By rank: the last of its times that is known. A rank's own entry is unused. Shared, because a
// rank's knowledge changes only when it waits and all signals between two waits carry the same.
using Clock = std::shared_ptr<std::vector<int>>;

// What was done to one location: enough of it to judge any later access.
struct Cell {
  int write = kNone;       // the last write, an event
  std::vector<int> reads;  // the reads since, events
};

class RaceFinder {
 public:
  RaceFinder(const Schedule& schedule, const Layout& layout, const Trace& trace)
      : schedule_(schedule),
        layout_(layout),
        events_(trace.events),
        cells_(layout.count()),
        ended_(schedule.ranks),
        sent_(trace.events.size()),
        done_(trace.events.size()) {
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      clocks_.push_back(std::make_shared<std::vector<int>>(schedule.ranks));
    }
  }

  std::string run() {
    for (now_ = 0; now_ < static_cast<int>(events_.size()) && wrong_.empty(); ++now_) take();
    return std::move(wrong_);
  }

 private:
  bool is_end(const Event& event) const {
    return event.step == static_cast<int>(schedule_.at(event.rank).steps.size());
  }
  const Step& step_of(int event) const {
    return schedule_.at(events_[event].rank).steps[events_[event].step];
  }
  int rank() const { return events_[now_].rank; }

  void take() {
    if (is_end(events_[now_])) return end();
    const Step& step = step_of(now_);
    switch (step.kind) {
      case StepKind::kCopy:
        // In place, a copy between two names of one location does nothing.
        if (location(step.sources[0]) != location(step.target)) access(step);
        return happen();
      case StepKind::kReduce:
        access(step);
        return happen();
      case StepKind::kPut:
        access(step);
        return send();
      case StepKind::kSignal:
        return send();
      case StepKind::kWait:
        return receive();
    }
  }

  // ---- order ----

  Moment moment(int event) const { return {events_[event].rank, events_[event].step + 1}; }

  void happen() { done_[now_] = moment(now_); }

  // A put is done only when its signal is taken; until then its moment has no rank.
  void send() { sent_[now_] = clocks_[rank()]; }

  void receive() {
    const int match = events_[now_].match;
    done_[match] = moment(now_);
    Clock& mine = clocks_[rank()];
    if (mine.use_count() > 1) mine = std::make_shared<std::vector<int>>(*mine);
    const std::vector<int>& theirs = *sent_[match];
    for (int i = 0; i < schedule_.ranks; ++i) (*mine)[i] = std::max((*mine)[i], theirs[i]);
    const Moment given = moment(match);
    (*mine)[given.rank] = std::max((*mine)[given.rank], given.time);
    sent_[match].reset();
  }

  // True when an earlier event happens before the step that this rank takes now.
  bool is_known(int event) const {
    const Moment done = done_[event];
    if (event == now_ || done.rank == rank()) return true;
    return done.rank != kNone && (*clocks_[rank()])[done.rank] >= done.time;
  }

  // ---- accesses ----

  int location(const Chunk& chunk) const { return layout_.location(rank(), chunk); }

  void access(const Step& step) {
    for (const Chunk& source : step.sources) read(source);
    write(step.target);
  }

  void read(const Chunk& chunk) {
    Cell& cell = cells_[location(chunk)];
    check_open(chunk, "reads");
    if (cell.write != kNone && !is_known(cell.write)) race(chunk, "reads", "write", cell.write);
    cell.reads.push_back(now_);
  }

  void write(const Chunk& chunk) {
    Cell& cell = cells_[location(chunk)];
    check_open(chunk, "writes");
    if (cell.write != kNone && !is_known(cell.write)) race(chunk, "writes", "write", cell.write);
    for (const int read : cell.reads) {
      if (!is_known(read)) race(chunk, "writes", "read", read);
    }
    cell.write = now_;
    cell.reads.clear();
  }

  // What the trace shows after a rank's end cannot happen before it.
  void check_open(const Chunk& chunk, const char* verb) {
    const int owner = owner_of(chunk);
    if (ended_[owner]) {
      fail("touched after the end: " + who(now_) + " " + verb + " " + name(chunk) +
           ", which may have ended");
    }
  }

  void end() {
    const int ending = rank();
    ended_[ending] = true;
    for (int i = layout_.first(ending); i < layout_.end(ending); ++i) {
      const Cell& cell = cells_[i];
      if (cell.write != kNone && !is_known(cell.write)) touched(cell.write, "write");
      for (const int read : cell.reads) {
        if (step_of(read).kind != StepKind::kPut && !is_known(read)) touched(read, "read");
      }
    }
    if (schedule_.collective == Collective::kBarrier) check_barrier();
  }

  void check_barrier() {
    for (int peer = 0; peer < schedule_.ranks; ++peer) {
      if (peer == rank() || (*clocks_[rank()])[peer] > 0) continue;
      fail("not a barrier: rank " + std::to_string(rank()) + " can end before rank " +
           std::to_string(peer) + " has begun");
    }
  }

  // ---- words ----

  int owner_of(const Chunk& chunk) const { return chunk.rank == kSelf ? rank() : chunk.rank; }

  std::string name(const Chunk& chunk) const {
    return dump(Chunk{chunk.space, chunk.index}) + " of rank " + std::to_string(owner_of(chunk));
  }

  std::string who(int event) const {
    return "rank " + std::to_string(events_[event].rank) + ", step " +
           std::to_string(events_[event].step) + " (" + dump(step_of(event)) + ")";
  }

  void race(const Chunk& chunk, const char* verb, const char* other, int event) {
    fail("race: " + who(now_) + " " + verb + " " + name(chunk) +
         ", and nothing orders it after the " + other + " by " + who(event));
  }

  void touched(int event, const char* verb) {
    fail("touched after the end: rank " + std::to_string(rank()) +
         " can end, and nothing orders that after the " + verb + " of its memory by " + who(event));
  }

  void fail(std::string wrong) {
    if (wrong_.empty()) wrong_ = std::move(wrong);
  }

  const Schedule& schedule_;
  const Layout& layout_;
  const std::vector<Event>& events_;
  std::vector<Cell> cells_;    // by location
  std::vector<bool> ended_;    // by rank
  std::vector<Clock> clocks_;  // by rank
  std::vector<Clock> sent_;    // by event: what a signal under way carries
  std::vector<Moment>
      done_;  // by event: since when its accesses are over; unset while they may go on
  int now_ = 0;
  std::string wrong_;
};

}  // namespace

std::string find_race(const Schedule& schedule, const Layout& layout, const Trace& trace) {
  return RaceFinder(schedule, layout, trace).run();
}

}  // namespace tutti
