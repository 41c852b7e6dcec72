// Tested by simulate_test.cc.

#include "simulator/stage_hands.h"

#include <algorithm>
#include <bit>
#include <span>

namespace tutti {
namespace {

std::unique_ptr<Network> make_network(NetworkModel model, const Links& links) {
  switch (model) {
    case NetworkModel::kMessages:
      return make_message_network(links);
    case NetworkModel::kFlows:
      return make_flow_network(links);
  }
  return nullptr;
}

}  // namespace

StageHands::StageHands(const Cast& cast, const Machine& machine, const SimulatedCall& call,
                       const SimulationSettings& settings)
    : cast_(cast),
      machine_(machine),
      call_(call),
      spectator_(settings.spectator),
      links_(machine, cast.symmetry),
      network_(make_network(settings.network, links_)),
      work_(machine, cast, call),
      credits_(cast, machine, call),
      cores_(machine, static_cast<int>(cast.scripts.size())),
      blocks_(call.blocks),
      lanes_(std::bit_ceil(static_cast<unsigned>(call.lanes))),
      tile_(static_cast<double>(call.tile_bytes)),
      last_bytes_(static_cast<double>(call.piece_bytes) -
                  static_cast<double>(call.tile_bytes) * (call.blocks - 1)),
      deeds_(cast.scripts.size()),
      actors_(cast.scripts.size()),
      cursors_(cast.scripts.size() * lanes_),
      signals_(cast.scripts.size(), credits_.reach() + 1, cast.lines) {
  for (std::size_t rank = 0; rank < deeds_.size(); ++rank) deeds_[rank] = cast.scripts[rank].deeds;
}

// ---- the order of events

void StageHands::run() {
  for (int rank = 0; rank < static_cast<int>(actors_.size()); ++rank) {
    call_up(rank, machine_.rank.call);
  }
  while (true) {
    const double next = network_->next();
    if (!ready_.empty() && ready_.top().time <= next) {
      const Ready now = ready_.top();
      ready_.pop();
      if (now.time == actors_[now.rank].due) resume(now.rank);
    } else if (next < kNever) {
      if (const auto arrival = network_->step()) arrive(*arrival);
    } else {
      return;
    }
  }
}

void StageHands::call_up(int rank, double time) {
  if (time >= actors_[rank].due) return;
  actors_[rank].due = time;
  ready_.push({time, rank});
}

bool StageHands::is_ahead(const Actor& actor) {
  return (!ready_.empty() && actor.time > ready_.top().time) || actor.time > network_->next();
}

void StageHands::resume(int rank) {
  Actor& actor = actors_[rank];
  actor.time = std::max(actor.time, actor.due);
  actor.due = kNever;
  const Cores::Taken taken = cores_.take(rank);
  if (taken == Cores::Taken::kNo) return;
  if (taken == Cores::Taken::kFromAnother) actor.time += machine_.rank.turn;
  actor.idle = actor.wants_credit = false;
  Attempt attempt = Attempt::kDone;
  while (attempt == Attempt::kDone) attempt = take_turns(actor, rank);
  if (attempt == Attempt::kAhead) return call_up(rank, actor.time);
  leave_core(rank);
}

void StageHands::wake(int rank, double time) {
  const Actor& actor = actors_[rank];
  if (actor.idle && !actor.ended && actor.reads == 0) call_up(rank, std::max(time, actor.time));
}

// Nothing can be done: until the first of the signals and credits waited for that are on their way.
void StageHands::rest(Actor& actor, int rank) {
  actor.idle = true;
  double next = kNever;
  for (std::size_t block = actor.retired; block < actor.opened; ++block) {
    const Cursor& waiting = cursor(rank, block);
    if (waiting.finished()) continue;
    actor.wants_credit |= !waiting.admitted();
    next = std::min(next, waiting.admitted() ? waiting.ready : credits_.granted_at(rank, block));
  }
  actor.turn = actor.retired;
  if (next < kNever) wake(rank, next);
}

void StageHands::leave_core(int rank) {
  const int next = cores_.leave(rank);
  if (next == Cores::kNobody) return;
  call_up(next, std::max(actors_[next].time, actors_[rank].time));
}

// ---- blocks

// One deed of the block whose turn it is, or of a later one.
StageHands::Attempt StageHands::take_turns(Actor& actor, int rank) {
  if (actor.ended || actor.reads > 0) {
    actor.idle = true;
    return Attempt::kWaits;
  }
  while (true) {
    if (actor.opened == 0) open_blocks(actor, rank);
    for (; actor.turn < actor.opened; ++actor.turn) {
      const Attempt attempt = advance(actor, rank);
      if (attempt != Attempt::kWaits) return attempt;
    }
    retire_blocks(actor, rank);
    if (actor.retired == blocks_) {
      actor.ended = actor.idle = true;
      return Attempt::kWaits;
    }
    if (!actor.moved) {
      rest(actor, rank);
      return Attempt::kWaits;
    }
    actor.moved = false;
    open_blocks(actor, rank);
    actor.turn = actor.retired;
  }
}

void StageHands::open_blocks(Actor& actor, int rank) {
  const std::size_t end = std::min<std::size_t>(blocks_, actor.retired + call_.lanes);
  while (actor.opened < end) cursor(rank, actor.opened++) = {};
}

StageHands::Attempt StageHands::advance(Actor& actor, int rank) {
  Cursor& current = cursor(rank, actor.turn);
  if (current.finished()) return Attempt::kWaits;
  const bool is_ready = current.ready <= actor.time;
  if (!is_ready || (!current.admitted() && !admit(actor, rank, current))) {
    return is_ahead(actor) ? Attempt::kAhead : Attempt::kWaits;
  }
  const std::span<const Deed> deeds = deeds_[rank];
  if (current.deed < deeds.size()) {
    if (!actor.paid) actor.began = actor.time;
    const Attempt attempt = perform(actor, rank, current, deeds[current.deed]);
    if (attempt != Attempt::kDone) return attempt;
    if (spectator_ != nullptr) {
      spectator_->acted(rank, actor.turn, static_cast<int>(current.deed), actor.began, actor.time);
    }
    ++current.deed;
    actor.moved = true;
  }
  if (current.deed >= deeds.size()) current.deed = kFinished;
  return Attempt::kDone;
}

bool StageHands::admit(Actor& actor, int rank, Cursor& cursor) {
  if (credits_.granted_at(rank, actor.turn) > actor.time) return false;
  if (spectator_ != nullptr) {
    spectator_->acted(rank, actor.turn, -1, actor.time, actor.time + machine_.rank.block);
  }
  actor.time += machine_.rank.block;
  cursor.deed = 0;
  actor.moved = true;
  return true;
}

void StageHands::retire_blocks(Actor& actor, int rank) {
  const std::uint32_t before = actor.retired;
  while (actor.retired < actor.opened && cursor(rank, actor.retired).finished()) {
    signals_.forget(rank, actor.retired++);
    credits_.end_block(rank, actor.time);
  }
  if (actor.retired == before) return;
  actor.moved = true;
  for (const Credits::Peer& writer : credits_.writers(rank)) {
    if (actors_[writer.rank].wants_credit) wake(writer.rank, actor.time + writer.latency);
  }
}

// ---- deeds

StageHands::Attempt StageHands::perform(Actor& actor, int rank, Cursor& cursor, const Deed& deed) {
  switch (deed.kind) {
    case Deed::Kind::kMove:
      return move(actor, rank, deed);
    case Deed::Kind::kGive:
      return give(actor, rank, deed);
    case Deed::Kind::kTake:
      return take(actor, rank, cursor, deed);
  }
  return Attempt::kWaits;
}

// Lets the time pass that a deed takes, once, however often it is attempted.
void StageHands::pay(Actor& actor, double time) {
  if (!actor.paid) actor.time += time;
  actor.paid = true;
}

StageHands::Attempt StageHands::move(Actor& actor, int rank, const Deed& deed) {
  const double bytes = bytes_of(actor.turn);
  const auto touches =
      std::span(cast_.scripts[rank].touches).subspan(deed.first_touch, deed.touches);
  double time = work_.move(deed, bytes);
  std::uint32_t reads = 0;
  for (const Touch& touch : touches) {
    if (!by_wire(rank, touch.peer)) time += work_.touch(touch.writes, bytes);
    reads += by_wire(rank, touch.peer) && !touch.writes;
  }
  pay(actor, time);
  if (reads > 0 && is_ahead(actor)) return Attempt::kAhead;
  for (const Touch& touch : touches) {
    if (!by_wire(rank, touch.peer)) continue;
    if (touch.writes) {
      unsent_to(actor, touch.peer).bytes += bytes;
    } else {
      // The peer's wires are those of its representative, to which this rank is another one.
      send({.line = kRead,
            .from = representative(touch.peer),
            .to = cast_.symmetry.image(rank, touch.peer),
            .bytes = bytes,
            .begin = actor.time});
    }
  }
  actor.reads = reads;
  actor.paid = false;
  return Attempt::kDone;
}

StageHands::Attempt StageHands::give(Actor& actor, int rank, const Deed& deed) {
  const int to = representative(deed.peer);
  if (!by_wire(rank, deed.peer)) {
    actor.time += work_.give(deed);
    deliver(to, actor.turn, deed.line, {actor.time + machine_.near.latency, -1});
    return Attempt::kDone;
  }
  Unsent& unsent = unsent_to(actor, deed.peer);
  const double bytes = unsent.bytes + (deed.carries ? bytes_of(actor.turn) : 0);
  const WayCosts& costs = way(rank, deed.peer);
  pay(actor, costs.message + bytes * costs.send_byte);
  if (is_ahead(actor)) return Attempt::kAhead;
  unsent = actor.unsent.back();
  actor.unsent.pop_back();
  send({.block = actor.turn,
        .line = deed.line,
        .from = rank,
        .to = deed.peer,
        .bytes = bytes,
        .begin = actor.time});
  actor.paid = false;
  return Attempt::kDone;
}

StageHands::Attempt StageHands::take(Actor& actor, int rank, Cursor& cursor, const Deed& deed) {
  const Seen& seen = signals_.at(rank, actor.turn, deed.line);
  if (seen.time > actor.time) {
    if (is_ahead(actor)) return Attempt::kAhead;
    cursor.ready = seen.time;
    cursor.line = deed.line;
    return Attempt::kWaits;
  }
  cursor.line = -1;
  if (seen.bytes < 0) {
    actor.time += work_.take(deed);
  } else {
    const WayCosts& costs = way(rank, deed.peer);
    actor.time += costs.receive + seen.bytes * costs.receive_byte;
  }
  return Attempt::kDone;
}

// ---- messages

StageHands::Unsent& StageHands::unsent_to(Actor& actor, int peer) {
  const auto known = std::find_if(actor.unsent.begin(), actor.unsent.end(),
                                  [peer](const Unsent& u) { return u.peer == peer; });
  if (known != actor.unsent.end()) return *known;
  return actor.unsent.emplace_back(Unsent{peer, 0});
}

void StageHands::send(const Message& message) {
  std::uint32_t token = 0;
  if (free_tokens_.empty()) {
    token = static_cast<std::uint32_t>(messages_.size());
    messages_.emplace_back();
  } else {
    token = free_tokens_.back();
    free_tokens_.pop_back();
  }
  messages_[token] = message;
  const Route route = links_.route(message.from, message.to);
  const WayCosts& way = route.is_far ? machine_.far : machine_.near;
  network_->send(message.begin, route, message.bytes * way.expansion + way.overhead, way.latency,
                 token);
}

void StageHands::arrive(const Arrival& arrival) {
  const Message message = messages_[arrival.token];
  free_tokens_.push_back(static_cast<std::uint32_t>(arrival.token));
  if (spectator_ != nullptr) {
    spectator_->carried(message.from, message.to, message.bytes, message.begin, arrival.time);
  }
  const int to = representative(message.to);
  if (message.line != kRead) {
    return deliver(to, message.block, message.line,
                   {arrival.time, static_cast<float>(message.bytes)});
  }
  --actors_[to].reads;
  wake(to, arrival.time);
}

// A signal, to the block that waits for it if one does.
void StageHands::deliver(int rank, std::size_t block, int line, const Seen& seen) {
  signals_.at(rank, block, line) = seen;
  if (block >= actors_[rank].opened || cursor(rank, block).line != line) return;
  cursor(rank, block).ready = seen.time;
  wake(rank, seen.time);
}

Simulated StageHands::result() const {
  Simulated result;
  result.link_bytes = network_->carried();
  result.blocks = blocks_;
  for (const Actor& actor : actors_) {
    result.ends.push_back(actor.time);
    result.seconds = std::max(result.seconds, actor.time);
    result.is_complete &= actor.ended;
  }
  return result;
}

}  // namespace tutti
