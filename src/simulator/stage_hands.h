// One run of a simulation: every rank's place in its script, and the order of events.
//
// Tested by simulate_test.cc.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "simulator/links.h"
#include "simulator/simulate.h"

namespace tutti {

class StageHands {
 public:
  StageHands(const Cast& cast, const Machine& machine, const SimulatedCall& call,
             const SimulationSettings& settings);

  void run();
  Simulated result() const;
  /// When all ranks had ended `block` (from 0).
  double retired_all(std::size_t block) const;

 private:
  // A block in flight.
  struct Cursor {
    std::size_t deed = 0;
    bool admitted = false;
    bool finished = false;
  };

  struct Unsent {
    int peer = -1;
    double bytes = 0;
  };

  struct Actor {
    double time = 0;
    double due = kNever;      // its entry in ready_
    std::size_t opened = 0;   // blocks begun
    std::size_t retired = 0;  // blocks ended, in order
    std::size_t turn = 0;     // the block whose turn it is in this pass
    bool moved = false;       // in this pass
    bool idle = false;        // waits for an event
    bool wants_credit = false;
    bool ended = false;
    int reads = 0;                // of peers' memory, under way: nothing else is done meanwhile
    std::vector<Cursor> cursors;  // by block modulo lanes
    std::vector<Unsent> unsent;   // written to peers over wires since the last signal to them
  };

  // A core that several ranks share.
  struct Core {
    int owner = -1;
    int last = -1;
    std::deque<int> waiting;
  };

  struct Ready {
    double time = 0;
    int rank = 0;
    bool operator<(const Ready& other) const {
      return time > other.time || (time == other.time && rank > other.rank);
    }
  };

  struct Message {
    std::size_t slot = 0;  // of `signals_`, or kRead
    int from = 0;
    int to = 0;  // any rank
    double bytes = 0;
    double begin = 0;
  };
  static constexpr std::size_t kRead = ~std::size_t{0};

  // When a signal can be seen, and the data that came with it over wires.
  struct Seen {
    double time = kNever;
    float bytes = -1;  // -1: from memory
  };

  const Script& script(int rank) const { return cast_.scripts[rank]; }
  std::size_t slot(int rank, std::size_t block, int line) const {
    return (rank * blocks_ + block) * lines_ + line;
  }
  double bytes_of(std::size_t block) const { return block + 1 == blocks_ ? last_bytes_ : tile_; }

  void count_credits();
  void find_writers();
  void make_cores();

  void call_up(int rank, double time);
  void resume(int rank);
  bool take_turns(Actor& actor, int rank);
  bool advance(Actor& actor, int rank);
  bool admit(Actor& actor, int rank, Cursor& cursor);
  double credited_at(int rank, std::size_t block) const;
  void open_blocks(Actor& actor);
  void retire_blocks(Actor& actor, int rank);
  void rest(Actor& actor, int rank);
  void wake(int rank, double time);
  bool take_core(int rank);
  void leave_core(int rank);

  bool perform(Actor& actor, int rank, const Deed& deed);
  void move(Actor& actor, int rank, const Deed& deed);
  double copying(const Deed& deed, double bytes) const;
  void touch(Actor& actor, int rank, const Touch& touch, double bytes);
  void give(Actor& actor, int rank, const Deed& deed);
  bool take(Actor& actor, int rank, const Deed& deed);
  bool by_wire(int rank, int peer) const { return machine_.wired() || is_far(rank, peer); }
  bool is_far(int rank, int peer) const { return machine_.host(rank) != machine_.host(peer); }
  const WayCosts& way(int rank, int peer) const {
    return is_far(rank, peer) ? machine_.far : machine_.near;
  }
  double unsent_to(Actor& actor, int peer);
  void send(int from, int to, double now, double bytes, std::size_t slot);
  void arrive(const Arrival& arrival);

  const Cast& cast_;
  const Machine& machine_;
  const SimulatedCall& call_;
  Spectator* const spectator_;
  const Links links_;
  const std::unique_ptr<Network> network_;

  std::size_t blocks_;
  std::size_t lines_;
  double tile_;
  double last_bytes_;
  std::vector<Actor> actors_;
  std::vector<Seen> signals_;                    // by slot()
  std::vector<std::uint32_t> after_;             // by block: blocks that must have ended
  std::vector<std::vector<double>> retired_at_;  // by representative: by block
  std::vector<std::vector<int>> writers_;        // by representative: who waits for its credit
  std::vector<Core> cores_;                      // empty: ranks have cores of their own
  std::vector<int> core_of_;
  std::priority_queue<Ready> ready_;
  std::vector<Message> messages_;  // by token
  std::vector<std::uint32_t> free_tokens_;

  // What copying costs in this call, per byte.
  struct Rates {
    double read_user, write_user, stream_user, read_scratch, write_scratch, write_peer, read_peer;
  };
  Rates rates_;
};

}  // namespace tutti
