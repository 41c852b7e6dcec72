#include "tuner/choose.h"

#include <algorithm>
#include <bit>

namespace tutti {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
// Beyond this outputs are larger than caches, and streaming past them pays.
constexpr std::size_t kStreamFrom = 8 * kMiB;

// Pieces in which calls may go. Between hosts a tile is a message: fewer of them, and more under
// way.
struct Pieces {
  std::size_t tile_bytes;
  int lanes;
};
constexpr Pieces kNearPieces[] = {{32 * kKiB, 3}, {16 * kKiB, 3}, {64 * kKiB, 3}, {128 * kKiB, 3}};
constexpr Pieces kFarPieces[] = {{128 * kKiB, 8}, {64 * kKiB, 8}, {256 * kKiB, 8}, {128 * kKiB, 4}};

// Large groups take long to think about.
constexpr int kFew = 16;

std::span<const Pieces> pieces_for(const Group& group) {
  const std::span<const Pieces> all = group.host_count() > 1 ? kFarPieces : kNearPieces;
  return group.ranks <= kFew ? all : all.first(1);
}

// Calls of about the same size go the same way, so that a new size need not be thought about.
int size_class(std::size_t bytes) {
  if (bytes < 2) return static_cast<int>(bytes);
  const int power = std::bit_width(bytes) - 1;
  const bool upper = (bytes >> (power - 1) & 1) != 0;
  return 2 * power + upper;
}

// In the middle of its class.
std::size_t typical(int size_class) {
  if (size_class < 4) return static_cast<std::size_t>(std::min(size_class, 2));
  const std::size_t least = (std::size_t{2} + size_class % 2) << (size_class / 2 - 1);
  return least + least / 8;
}

std::vector<Flavor> flavors(const Question& q, const Algorithm& algorithm) {
  if (q.mapped) return {Flavor::kMapped};
  if (algorithm.pull) return {Flavor::kStaged};
  return {Flavor::kInline, Flavor::kStaged};
}

// A connection costs memory, and time when it is first used, which the model does not see: ranks
// talk to a few hosts, even if that takes up to twice the time.
int most_far_peers(const Group& group) {
  return 2 * std::bit_width(static_cast<unsigned>(group.host_count() - 1));
}

double weight(const Candidate& candidate) { return candidate.seconds * (candidate.crowds ? 2 : 1); }

}  // namespace

bool streams(const Question& q) { return !q.in_place && q.bytes >= kStreamFrom; }

// Why an algorithm cannot run the call, or "".
std::string Chooser::objection(const Question& q, const Algorithm& algorithm) const {
  const Group& group = predictor_.group_of(q.collective);
  if (!allows(algorithm, group)) {
    const int hosts = group.host_count();
    return "does not take " + std::to_string(group.ranks) + " ranks on " +
           (hosts == 1 ? "one host" : std::to_string(hosts) + " hosts");
  }
  if (!q.reachable && algorithm.pull) return "reads memory of peers, which are on other hosts";
  if (q.in_place && !algorithm.in_place) return "does not work in place";
  if (q.variable && !algorithm.variable_counts) return "does not take counts per rank";
  if (q.reproducible && !algorithm.rank_order) {
    return "does not reduce in rank order (reproducible)";
  }
  return "";
}

// The fastest of the ways that an algorithm can go.
Candidate Chooser::best(const Question& q, const Algorithm& algorithm) {
  const auto [at, is_new] =
      known_.try_emplace({&algorithm, q.bytes, q.mapped, streams(q)}, Candidate{});
  if (is_new) at->second = think(q, algorithm);
  Candidate candidate = at->second;
  candidate.objection = objection(q, algorithm);
  return candidate;
}

// How an algorithm goes where nobody thinks about it.
Way Chooser::plain(const Question& q, const Algorithm& algorithm) const {
  const Pieces first = pieces_for(group()).front();
  return {&algorithm, flavors(q, algorithm).front(), first.tile_bytes, first.lanes, streams(q)};
}

Candidate Chooser::think(const Question& q, const Algorithm& algorithm) {
  const std::span<const Pieces> pieces = pieces_for(group());
  Candidate best{.way = plain(q, algorithm), .objection = {}};
  if (!allows(algorithm, predictor_.group_of(q.collective))) return best;
  for (const Flavor flavor : flavors(q, algorithm)) {
    for (const auto& [tile_bytes, lanes] : pieces) {
      Way way{&algorithm, flavor, tile_bytes, lanes};
      way.stream = streams(q);
      if (!predictor_.fits(way, q.bytes)) break;
      const double seconds = predictor_.seconds(way, q.bytes);
      if (seconds < best.seconds) {
        best = {way, seconds, "", predictor_.far_peers(way) > most_far_peers(group())};
      }
      // Calls of one block are not cut.
      if (predictor_.piece_bytes(algorithm, q.bytes) <= kNearPieces[1].tile_bytes) break;
    }
  }
  return best;
}

std::vector<Candidate> Chooser::candidates(const Question& q) {
  std::vector<Candidate> all;
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.collective == q.collective) all.push_back(best(q, algorithm));
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    if (a.objection.empty() != b.objection.empty()) return a.objection.empty();
    return a.objection.empty() && weight(a) < weight(b);  // unknown ones last
  });
  return all;
}

Way Chooser::preferred(const Question& q) {
  const int size = size_class(q.bytes);
  const Kind kind{q.collective, size,       q.mapped,      q.reachable,
                  q.in_place,   q.variable, q.reproducible};
  const auto [at, is_new] = preferred_.try_emplace(kind, Way{});
  if (is_new) {
    Question of_class = q;
    of_class.bytes = typical(size);
    at->second = candidates(of_class).front().way;
  }
  return at->second;
}

Result<Way> Chooser::asked_for(const Question& q, std::string_view name) {
  const std::string what =
      std::string(tutti::name(q.collective)) + " algorithm " + std::string(name);
  const Algorithm* algorithm = find_algorithm(q.collective, name);
  if (algorithm == nullptr) return Status(Code::kInvalidArgument, "there is no " + what);
  if (const std::string why = objection(q, *algorithm); !why.empty()) {
    return Status(Code::kNotSupported, what + " " + why);
  }
  return group().ranks <= kFew ? best(q, *algorithm).way : plain(q, *algorithm);
}

Result<Choice> Chooser::choose(const Question& q) {
  const Rule* const rule = rules_.find(q.collective, q.type, q.bytes, group());
  const bool has_rule = rule != nullptr && !rule->algorithm.empty() &&
                        find_algorithm(q.collective, rule->algorithm) != nullptr;
  Choice choice{.way = {}, .reason = "model"};
  if (!q.forced.empty() || has_rule) {
    choice.reason = q.forced.empty() ? "rule" : "option";
    Result<Way> way = asked_for(q, q.forced.empty() ? rule->algorithm : q.forced);
    if (!way.ok()) return way.status();
    choice.way = *way;
  } else {
    choice.way = preferred(q);
  }
  if (rule != nullptr && rule->tile_bytes != 0) choice.way.tile_bytes = rule->tile_bytes;
  if (rule != nullptr && rule->lanes != 0) choice.way.lanes = rule->lanes;
  if (q.forced_tile_bytes != 0) choice.way.tile_bytes = q.forced_tile_bytes;
  if (q.forced_lanes != 0) choice.way.lanes = q.forced_lanes;
  choice.way.stream = streams(q);
  return choice;
}

}  // namespace tutti
