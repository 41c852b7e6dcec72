// Tested by simulate_test.cc.

#include "simulator/stage_hands.h"

#include <algorithm>

#include "plan/ring_memory.h"

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

// Memory of scratch that is written again and again: that of a lap.
double lap_bytes(const Cast& cast, const SimulatedCall& call) {
  const double block = static_cast<double>(cast.scratch_chunks) * call.tile_bytes;
  return std::min<double>(call.room.scratch_bytes, std::max(6 * block, double{256 << 10}));
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
      blocks_(call.blocks),
      lines_(cast.lines),
      tile_(static_cast<double>(call.tile_bytes)),
      last_bytes_(static_cast<double>(call.piece_bytes) -
                  static_cast<double>(call.tile_bytes) * (call.blocks - 1)),
      actors_(cast.scripts.size()),
      signals_(cast.scripts.size() * call.blocks * cast.lines),
      retired_at_(cast.scripts.size()) {
  const RankCosts& costs = machine.rank;
  const double lap = lap_bytes(cast, call), user = static_cast<double>(call.user_bytes);
  rates_ = {.read_user = costs.read_user.at(user),
            .write_user = costs.write_user.at(user),
            .stream_user = costs.stream_user,
            .read_scratch = costs.read_scratch.at(lap),
            .write_scratch = costs.write_scratch.at(lap),
            .write_peer = costs.write_peer.at(lap),
            .read_peer = costs.read_peer.at(user)};
  count_credits();
  find_writers();
  make_cores();
}

// The same requests as every rank's executor makes.
void StageHands::count_credits() {
  if (cast_.scratch_chunks > 0 || lines_ > 0) {
    RingMemory scratch(call_.room.scratch_bytes, kScratchAlignment);
    RingMemory lines(call_.room.lines, 1);
    for (std::size_t block = 1; block <= blocks_; ++block) {
      const auto after_lines = lines.take(block, lines_ * call_.width).after;
      const auto after_scratch = scratch.take(block, cast_.scratch_chunks * call_.tile_bytes).after;
      after_.push_back(static_cast<std::uint32_t>(std::max(after_lines, after_scratch)));
    }
  } else {
    after_.resize(blocks_);
  }
}

void StageHands::find_writers() {
  writers_.resize(actors_.size());
  for (int rank = 0; rank < static_cast<int>(actors_.size()); ++rank) {
    for (const int receiver : script(rank).receivers) {
      writers_[cast_.symmetry.representative(receiver)].push_back(rank);
    }
  }
}

void StageHands::make_cores() {
  if (machine_.cores == 0) return;
  std::vector<int> on_host;
  for (int rank = 0; rank < static_cast<int>(actors_.size()); ++rank) {
    const int host = machine_.host(rank);
    if (host >= static_cast<int>(on_host.size())) on_host.resize(host + 1);
    core_of_.push_back(host * machine_.cores + on_host[host]++ % machine_.cores);
  }
  const int most = *std::max_element(on_host.begin(), on_host.end());
  if (most > machine_.cores) cores_.resize(on_host.size() * machine_.cores);
}

void StageHands::run() {
  for (int rank = 0; rank < static_cast<int>(actors_.size()); ++rank) {
    actors_[rank].cursors.resize(call_.lanes);
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

// As long as nothing can happen elsewhere before.
void StageHands::resume(int rank) {
  Actor& actor = actors_[rank];
  actor.time = std::max(actor.time, actor.due);
  actor.due = kNever;
  if (!take_core(rank)) return;
  actor.idle = actor.wants_credit = false;
  while (take_turns(actor, rank)) {
    const double next = ready_.empty() ? kNever : ready_.top().time;
    if (actor.time > std::min(next, network_->next())) return call_up(rank, actor.time);
  }
  leave_core(rank);
}

// One deed of the block whose turn it is, or of a later one. False when all wait.
bool StageHands::take_turns(Actor& actor, int rank) {
  if (actor.ended || actor.reads > 0) {
    actor.idle = true;
    return false;
  }
  while (true) {
    if (actor.opened == 0) open_blocks(actor);
    for (; actor.turn < actor.opened; ++actor.turn) {
      if (advance(actor, rank)) return true;
    }
    retire_blocks(actor, rank);
    if (actor.retired == blocks_) {
      actor.ended = actor.idle = true;
      return false;
    }
    if (!actor.moved) {
      rest(actor, rank);
      return false;
    }
    actor.moved = false;
    open_blocks(actor);
    actor.turn = actor.retired;
  }
}

void StageHands::open_blocks(Actor& actor) {
  while (actor.opened < blocks_ &&
         actor.opened - actor.retired < static_cast<std::size_t>(call_.lanes)) {
    actor.cursors[actor.opened++ % call_.lanes] = {};
  }
}

// True when a deed was done.
bool StageHands::advance(Actor& actor, int rank) {
  Cursor& cursor = actor.cursors[actor.turn % call_.lanes];
  if (cursor.finished) return false;
  if (!cursor.admitted && !admit(actor, rank, cursor)) return false;
  const std::vector<Deed>& deeds = script(rank).deeds;
  if (cursor.deed < deeds.size()) {
    const double begin = actor.time;
    if (!perform(actor, rank, deeds[cursor.deed])) return false;
    if (spectator_ != nullptr) {
      spectator_->acted(rank, actor.turn, static_cast<int>(cursor.deed), begin, actor.time);
    }
    ++cursor.deed;
    actor.moved = true;
  }
  cursor.finished = cursor.deed >= deeds.size();
  return true;
}

bool StageHands::admit(Actor& actor, int rank, Cursor& cursor) {
  if (credited_at(rank, actor.turn) > actor.time) return false;
  if (spectator_ != nullptr) {
    spectator_->acted(rank, actor.turn, -1, actor.time, actor.time + machine_.rank.block);
  }
  actor.time += machine_.rank.block;
  cursor.admitted = actor.moved = true;
  return true;
}

// When all whose memory a block writes have ended, as this rank sees, those that used it before.
double StageHands::credited_at(int rank, std::size_t block) const {
  const std::uint32_t after = after_[block];
  if (after == 0) return 0;
  if (after > actors_[rank].retired) return kNever;
  double last = 0;
  for (const int receiver : script(rank).receivers) {
    const std::vector<double>& ends = retired_at_[cast_.symmetry.representative(receiver)];
    if (ends.size() < after) return kNever;
    last = std::max(last, ends[after - 1] + way(rank, receiver).latency);
  }
  return last;
}

void StageHands::retire_blocks(Actor& actor, int rank) {
  const std::size_t before = actor.retired;
  while (actor.retired < actor.opened && actor.cursors[actor.retired % call_.lanes].finished) {
    ++actor.retired;
    retired_at_[rank].push_back(actor.time);
  }
  if (actor.retired == before) return;
  actor.moved = true;
  for (const int writer : writers_[rank]) {
    if (actors_[writer].wants_credit) wake(writer, actor.time + way(writer, rank).latency);
  }
}

// Nothing can be done: until the first of the signals and credits waited for that are on their way.
void StageHands::rest(Actor& actor, int rank) {
  actor.idle = true;
  double next = kNever;
  for (std::size_t block = actor.retired; block < actor.opened; ++block) {
    const Cursor& cursor = actor.cursors[block % call_.lanes];
    if (cursor.finished) continue;
    if (!cursor.admitted) {
      actor.wants_credit = true;
      next = std::min(next, credited_at(rank, block));
      continue;
    }
    const Deed& deed = script(rank).deeds[cursor.deed];
    next = std::min(next, signals_[slot(rank, block, deed.line)].time);
  }
  actor.turn = actor.retired;
  if (next < kNever) wake(rank, next);
}

void StageHands::wake(int rank, double time) {
  const Actor& actor = actors_[rank];
  if (actor.idle && !actor.ended && actor.reads == 0) call_up(rank, std::max(time, actor.time));
}

void StageHands::call_up(int rank, double time) {
  if (time >= actors_[rank].due) return;
  actors_[rank].due = time;
  ready_.push({time, rank});
}

// False for a rank that finds its core taken: it queues for it.
bool StageHands::take_core(int rank) {
  if (cores_.empty()) return true;
  Core& core = cores_[core_of_[rank]];
  if (core.owner != rank && core.owner != -1) {
    if (std::find(core.waiting.begin(), core.waiting.end(), rank) == core.waiting.end()) {
      core.waiting.push_back(rank);
    }
    return false;
  }
  if (core.last != rank && core.last != -1) actors_[rank].time += machine_.rank.turn;
  core.owner = core.last = rank;
  return true;
}

void StageHands::leave_core(int rank) {
  if (cores_.empty()) return;
  Core& core = cores_[core_of_[rank]];
  if (core.owner != rank) return;
  core.owner = -1;
  if (core.waiting.empty()) return;
  const int next = core.waiting.front();
  core.waiting.pop_front();
  call_up(next, std::max(actors_[next].time, actors_[rank].time));
}

bool StageHands::perform(Actor& actor, int rank, const Deed& deed) {
  switch (deed.kind) {
    case Deed::Kind::kMove:
      move(actor, rank, deed);
      return true;
    case Deed::Kind::kGive:
      give(actor, rank, deed);
      return true;
    case Deed::Kind::kTake:
      return take(actor, rank, deed);
  }
  return false;
}

double StageHands::copying(const Deed& deed, double bytes) const {
  const int streamed = call_.stream ? deed.streams_user : 0;
  const double per_byte =
      deed.reads_user * rates_.read_user + deed.reads_scratch * rates_.read_scratch +
      (deed.writes_user - streamed) * rates_.write_user + streamed * rates_.stream_user +
      deed.writes_scratch * rates_.write_scratch +
      std::max(deed.sources - 1, 0) * machine_.rank.reduce;
  return machine_.rank.instruction + bytes * per_byte;
}

void StageHands::move(Actor& actor, int rank, const Deed& deed) {
  const double bytes = bytes_of(actor.turn);
  actor.time += copying(deed, bytes);
  for (int i = 0; i < deed.touches; ++i) {
    touch(actor, rank, script(rank).touches[deed.first_touch + i], bytes);
  }
}

void StageHands::touch(Actor& actor, int rank, const Touch& touch, double bytes) {
  if (!by_wire(rank, touch.peer)) {
    actor.time += bytes * (touch.writes ? rates_.write_peer : rates_.read_peer);
  } else if (touch.writes) {
    const auto known = std::find_if(actor.unsent.begin(), actor.unsent.end(),
                                    [&](const Unsent& u) { return u.peer == touch.peer; });
    if (known != actor.unsent.end()) {
      known->bytes += bytes;
    } else {
      actor.unsent.push_back({touch.peer, bytes});
    }
  } else {
    // The peer's wires are those of its representative, to which this rank is another one.
    ++actor.reads;
    send(cast_.symmetry.representative(touch.peer), cast_.symmetry.image(rank, touch.peer),
         actor.time, bytes, kRead);
  }
}

double StageHands::unsent_to(Actor& actor, int peer) {
  const auto found = std::find_if(actor.unsent.begin(), actor.unsent.end(),
                                  [&](const Unsent& u) { return u.peer == peer; });
  if (found == actor.unsent.end()) return 0;
  const double bytes = found->bytes;
  *found = actor.unsent.back();
  actor.unsent.pop_back();
  return bytes;
}

void StageHands::give(Actor& actor, int rank, const Deed& deed) {
  const std::size_t at = slot(cast_.symmetry.representative(deed.peer), actor.turn, deed.line);
  const double payload = deed.carries ? bytes_of(actor.turn) : 0;
  if (by_wire(rank, deed.peer)) {
    const double bytes = unsent_to(actor, deed.peer) + payload;
    actor.time += way(rank, deed.peer).message + bytes * way(rank, deed.peer).send_byte;
    return send(rank, deed.peer, actor.time, bytes, at);
  }
  actor.time += machine_.rank.give + (deed.carries ? call_.width * machine_.rank.line : 0);
  signals_[at] = {actor.time + machine_.near.latency, -1};
  wake(cast_.symmetry.representative(deed.peer), signals_[at].time);
}

bool StageHands::take(Actor& actor, int rank, const Deed& deed) {
  const Seen& seen = signals_[slot(rank, actor.turn, deed.line)];
  if (seen.time > actor.time) return false;
  if (seen.bytes >= 0) {
    const WayCosts& costs = way(rank, deed.peer);
    actor.time += costs.receive + seen.bytes * costs.receive_byte;
  } else {
    actor.time += machine_.rank.take + (deed.carries ? call_.width * machine_.rank.line : 0);
  }
  return true;
}

void StageHands::send(int from, int to, double now, double bytes, std::size_t slot) {
  std::uint32_t token = 0;
  if (free_tokens_.empty()) {
    token = static_cast<std::uint32_t>(messages_.size());
    messages_.emplace_back();
  } else {
    token = free_tokens_.back();
    free_tokens_.pop_back();
  }
  messages_[token] = {slot, from, to, bytes, now};
  const Route route = links_.route(from, to);
  const WayCosts& way = route.is_far ? machine_.far : machine_.near;
  network_->send(now, route, bytes * way.expansion + way.overhead, way.latency, token);
}

void StageHands::arrive(const Arrival& arrival) {
  const Message message = messages_[arrival.token];
  free_tokens_.push_back(static_cast<std::uint32_t>(arrival.token));
  const int to = cast_.symmetry.representative(message.to);
  if (spectator_ != nullptr) {
    spectator_->carried(message.from, message.to, message.bytes, message.begin, arrival.time);
  }
  if (message.slot != kRead) {
    signals_[message.slot] = {arrival.time, static_cast<float>(message.bytes)};
    return wake(to, arrival.time);
  }
  --actors_[to].reads;
  wake(to, arrival.time);
}

double StageHands::retired_all(std::size_t block) const {
  double last = 0;
  for (const std::vector<double>& ends : retired_at_) {
    last = std::max(last, block < ends.size() ? ends[block] : kNever);
  }
  return last;
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
