// One run of a simulation: every rank's place in its script, and the order of events.
//
// A rank may be ahead of others in time as long as nothing that these do can matter to it: it works
// on alone, and waits for its turn before it sends anything or finds that it must wait.
//
// Tested by simulate_test.cc.

#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <span>
#include <vector>

#include "simulator/cores.h"
#include "simulator/credits.h"
#include "simulator/links.h"
#include "simulator/signals.h"
#include "simulator/simulate.h"
#include "simulator/work.h"

namespace tutti {

class StageHands {
 public:
  StageHands(const Cast& cast, const Machine& machine, const SimulatedCall& call,
             const SimulationSettings& settings);

  void run();
  Simulated result() const;
  /// When all ranks had ended `block` (from 0).
  double all_ended(std::size_t block) const { return credits_.all_ended(block); }

 private:
  // What became of an attempt: something was done; nothing can be done yet; or others come first.
  enum class Attempt : std::uint8_t { kDone, kWaits, kAhead };

  // A block in flight.
  struct Cursor {
    double ready = 0;  // when its next deed can be done, as far as is known
    std::uint32_t deed = kNotAdmitted;
    int line = -1;  // that it waits for

    bool admitted() const { return deed != kNotAdmitted; }
    bool finished() const { return deed == kFinished; }
  };
  static constexpr std::uint32_t kNotAdmitted = ~0u, kFinished = ~0u - 1;

  struct Unsent {
    int peer = -1;
    double bytes = 0;
  };

  // One cache line: where there are many ranks, all else about one is far away.
  struct alignas(64) Actor {
    double time = 0;
    double due = kNever;           // its entry in ready_
    double began = 0;              // the deed that is being done
    std::uint32_t opened = 0;      // blocks begun
    std::uint32_t retired = 0;     // blocks ended, in order
    std::uint32_t turn = 0;        // the block whose turn it is in this pass
    std::uint32_t reads : 25 = 0;  // of peers' memory, under way: nothing else is done meanwhile
    bool paid : 1 = false;         // the time of the deed has passed; its effects are still to come
    bool moved : 1 = false;        // in this pass
    bool idle : 1 = false;         // waits for an event
    bool wants_credit : 1 = false;
    bool ended : 1 = false;
    std::vector<Unsent> unsent;  // written to peers over wires since the last signal to them
  };

  struct Ready {
    double time = 0;
    int rank = 0;
    bool operator<(const Ready& other) const {
      return time > other.time || (time == other.time && rank > other.rank);
    }
  };

  struct Message {
    std::uint32_t block = 0;  // and line: the signal; kRead: none
    int line = 0;
    int from = 0;
    int to = 0;  // any rank
    double bytes = 0;
    double begin = 0;
  };
  static constexpr int kRead = -1;

  int representative(int rank) const { return cast_.symmetry.representative(rank); }
  Cursor& cursor(int rank, std::size_t block) {
    return cursors_[rank * lanes_ + (block & (lanes_ - 1))];
  }
  double bytes_of(std::size_t block) const { return block + 1 == blocks_ ? last_bytes_ : tile_; }

  // The order of events.
  void call_up(int rank, double time);
  bool is_ahead(const Actor& actor);
  void resume(int rank);
  void wake(int rank, double time);
  void rest(Actor& actor, int rank);
  void leave_core(int rank);

  // Blocks.
  Attempt take_turns(Actor& actor, int rank);
  Attempt advance(Actor& actor, int rank);
  bool admit(Actor& actor, int rank, Cursor& cursor);
  void open_blocks(Actor& actor, int rank);
  void retire_blocks(Actor& actor, int rank);

  // Deeds.
  Attempt perform(Actor& actor, int rank, Cursor& cursor, const Deed& deed);
  Attempt move(Actor& actor, int rank, const Deed& deed);
  Attempt give(Actor& actor, int rank, const Deed& deed);
  Attempt take(Actor& actor, int rank, Cursor& cursor, const Deed& deed);
  void pay(Actor& actor, double time);

  // Messages.
  bool by_wire(int rank, int peer) const { return machine_.wired() || is_far(rank, peer); }
  bool is_far(int rank, int peer) const { return machine_.host(rank) != machine_.host(peer); }
  const WayCosts& way(int rank, int peer) const {
    return is_far(rank, peer) ? machine_.far : machine_.near;
  }
  Unsent& unsent_to(Actor& actor, int peer);
  void send(const Message& message);
  void arrive(const Arrival& arrival);
  void deliver(int rank, std::size_t block, int line, const Seen& seen);

  const Cast& cast_;
  const Machine& machine_;
  const SimulatedCall& call_;
  Spectator* const spectator_;
  const Links links_;
  const std::unique_ptr<Network> network_;
  const Work work_;
  Credits credits_;
  Cores cores_;

  std::size_t blocks_;
  std::size_t lanes_;  // rounded up to a power of two
  double tile_;
  double last_bytes_;
  std::vector<std::span<const Deed>> deeds_;  // by representative
  std::vector<Actor> actors_;
  std::vector<Cursor> cursors_;  // by rank, and block modulo lanes
  Signals signals_;
  std::priority_queue<Ready> ready_;
  std::vector<Message> messages_;  // by token
  std::vector<std::uint32_t> free_tokens_;
};

}  // namespace tutti
