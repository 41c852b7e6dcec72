#include "studio/recorder.h"

#include <algorithm>
#include <set>
#include <string>

namespace tutti {
namespace {

bool touches(const Script& script, const Deed& deed, bool writes) {
  for (int i = 0; i < deed.touches; ++i) {
    if (script.touches[deed.first_touch + i].writes == writes) return true;
  }
  return false;
}

ActKind kind_of(const Script& script, const Deed& deed) {
  switch (deed.kind) {
    case Deed::Kind::kGive:
      return ActKind::kSignal;
    case Deed::Kind::kTake:
      return ActKind::kTake;
    case Deed::Kind::kMove:
      break;
  }
  if (deed.sources > 1) return ActKind::kReduce;
  if (touches(script, deed, /*writes=*/true)) return ActKind::kPut;
  return touches(script, deed, /*writes=*/false) ? ActKind::kRead : ActKind::kCopy;
}

// "rank 3", "ranks 3, 5".
std::string peers_of(const Script& script, const Deed& deed, bool writes) {
  std::set<int> peers;
  for (int i = 0; i < deed.touches; ++i) {
    const Touch& touch = script.touches[deed.first_touch + i];
    if (touch.writes == writes) peers.insert(touch.peer);
  }
  std::string text;
  for (const int peer : peers) text += (text.empty() ? "" : ", ") + std::to_string(peer);
  return (peers.size() == 1 ? "rank " : "ranks ") + text;
}

std::string words_for_move(const Script& script, const Deed& deed) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (deed.sources > 1) add("reduce " + std::to_string(deed.sources) + " chunks");
  if (touches(script, deed, /*writes=*/false)) add("read from " + peers_of(script, deed, false));
  if (deed.sources <= 1 && text.empty() && deed.writes_user + deed.writes_scratch > 0) add("copy");
  if (touches(script, deed, /*writes=*/true)) add("put to " + peers_of(script, deed, true));
  return text;
}

}  // namespace

Recorder::Recorder(const Cast& cast, int ranks, std::size_t most)
    : cast_(cast),
      ranks_(std::min(ranks, static_cast<int>(cast.scripts.size()))),
      most_(most),
      busy_until_(cast.scripts.size()) {}

void Recorder::acted(int rank, std::size_t block, int deed, double begin, double end) {
  if (rank >= ranks_) return;
  if (begin > busy_until_[rank]) {
    // Before its first act a rank starts the call.
    const ActKind kind = busy_until_[rank] == 0 ? ActKind::kStart : ActKind::kWait;
    note({kind, rank, block, deed, busy_until_[rank], begin});
  }
  busy_until_[rank] = end;
  if (deed < 0) return;
  const Script& script = cast_.scripts[rank];
  note({kind_of(script, script.deeds[deed]), rank, block, deed, begin, end});
}

void Recorder::note(const Act& act) {
  if (acts_.size() < most_) {
    acts_.push_back(act);
  } else {
    complete_until_ = std::min(complete_until_, act.begin);
  }
}

void Recorder::carried(int from, int to, double bytes, double begin, double end) {
  const int stand_in = cast_.symmetry.representative(to);
  if (from >= ranks_ || stand_in >= ranks_) return;
  if (messages_.size() < most_) {
    messages_.push_back({from, stand_in, bytes, begin, end});
  } else {
    complete_until_ = std::min(complete_until_, begin);
  }
}

std::string_view name(ActKind kind) {
  switch (kind) {
    case ActKind::kStart:
      return "start";
    case ActKind::kCopy:
      return "copy";
    case ActKind::kReduce:
      return "reduce";
    case ActKind::kPut:
      return "put";
    case ActKind::kRead:
      return "read";
    case ActKind::kSignal:
      return "signal";
    case ActKind::kTake:
      return "take";
    case ActKind::kWait:
      return "wait";
  }
  return "";
}

std::string words_for(const Cast& cast, const Act& act) {
  if (act.kind == ActKind::kStart) return "start of the call";
  if (act.deed < 0) return "wait until peers have ended earlier blocks";
  const Script& script = cast.scripts[act.rank];
  const Deed& deed = script.deeds[act.deed];
  const std::string peer = "rank " + std::to_string(deed.peer);
  switch (act.kind) {
    case ActKind::kStart:
      break;
    case ActKind::kCopy:
    case ActKind::kReduce:
    case ActKind::kPut:
    case ActKind::kRead:
      return words_for_move(script, deed);
    case ActKind::kSignal:
      return "signal " + peer;
    case ActKind::kTake:
      return "take the signal of " + peer;
    case ActKind::kWait:
      return deed.kind == Deed::Kind::kTake ? "wait for " + peer : "wait";
  }
  return "";
}

}  // namespace tutti
