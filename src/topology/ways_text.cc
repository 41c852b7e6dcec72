// Ways in lines. Members are called by their ranks. Tested by topology_ways_test.cc.

#include <algorithm>
#include <functional>

#include "topology/ways_words.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr std::size_t kMostShown = 24;  // parts of a line

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// "0-7 9 8": numbers that count up are taken together.
std::string runs_text(const std::vector<int>& numbers) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (end - i < 3) end = i + 1;
    std::string& part = parts.emplace_back(std::to_string(numbers[i]));
    if (end - i > 1) part.append("-").append(std::to_string(numbers[end - 1]));
    i = end;
  }
  if (parts.size() <= kMostShown) return joined(parts, " ");
  const std::size_t more = parts.size() - kMostShown;
  parts.resize(kMostShown);
  return joined(parts, " ").append(" … and ").append(std::to_string(more)).append(" more");
}

std::string members_text(const std::vector<Member>& members) {
  std::vector<std::string> labels;
  const std::size_t shown = members.size() > 16 ? 4 : members.size();
  for (std::size_t i = 0; i < shown; ++i) labels.push_back(members[i].place.label);
  if (shown < members.size()) {
    labels.emplace_back("…");
    labels.push_back(members.back().place.label);
  }
  return counted(static_cast<int>(members.size()), "member")
      .append(members.empty() ? "" : ": ")
      .append(joined(labels, " "))
      .append("\n");
}

std::vector<int> ranks_of(const FoundWays& ways, const std::vector<int>& members) {
  std::vector<int> ranks;
  for (const int member : members) ranks.push_back(ways.members[member].rank);
  return ranks;
}

// "in by 0, out by 1": the ports at the first host that a ring uses some of.
std::string ports_text(const FoundRing& ring) {
  for (std::size_t host = 0; host < ring.ports.size(); ++host) {
    if (ring.ports[host] < 0) continue;
    return std::string("ports in ")
        .append(std::to_string(ring.ports[host]))
        .append(" out ")
        .append(std::to_string(ring.exits[host]));
  }
  return "";
}

std::string line(const std::string& what, std::size_t number, double bandwidth) {
  return padded(std::string("  ").append(what).append(" ").append(std::to_string(number)), 10) +
         padded(bandwidth_text(bandwidth), 12);
}

std::string rings_text(const FoundWays& ways) {
  std::string text = counted(static_cast<int>(ways.rings.size()), "ring");
  if (ways.rings.empty()) return text.append(": members have no way to each other\n");
  text.append(", ").append(bandwidth_text(ways.ring_bandwidth())).append(" together");
  text.append(ways.complete ? "\n" : " (there may be better: the search ended by its budget)\n");
  for (std::size_t i = 0; i < ways.rings.size(); ++i) {
    const FoundRing& ring = ways.rings[i];
    text.append(line("ring", i, ring.bandwidth))
        .append(joined({types_text(ring.inside, ring.between), ports_text(ring),
                        runs_text(ranks_of(ways, ring.order))},
                       "  "))
        .append("\n");
  }
  return text;
}

// "5 (1 (0 3) 6)": what hangs below a member is in parentheses after it.
class TreeText {
 public:
  TreeText(const FoundWays& ways, const FoundTree& tree)
      : ways_(ways), below_(ways.members.size()) {
    for (int member = 0; member < static_cast<int>(tree.parents.size()); ++member) {
      const int parent = tree.parents[member];
      if (parent < 0) {
        top_ = member;
      } else {
        below_[parent].push_back(member);
      }
    }
  }

  std::string text() const {
    constexpr std::size_t kMostNested = 32;
    if (below_.size() <= kMostNested) return nested(top_);
    const auto leaves = std::ranges::count_if(below_, [](const auto& b) { return b.empty(); });
    return std::string("top ")
        .append(std::to_string(ways_.members[top_].rank))
        .append(", ")
        .append(std::to_string(depth(top_)))
        .append(" deep, ")
        .append(counted(static_cast<int>(leaves), "end"));
  }

 private:
  std::string nested(int member) const {
    std::string text = std::to_string(ways_.members[member].rank);
    if (below_[member].empty()) return text;
    std::vector<std::string> parts;
    for (const int child : below_[member]) parts.push_back(nested(child));
    return text.append(" (").append(joined(parts, " ")).append(")");
  }

  int depth(int member) const {
    int deepest = 0;
    for (const int child : below_[member]) deepest = std::max(deepest, 1 + depth(child));
    return deepest;
  }

  const FoundWays& ways_;
  std::vector<std::vector<int>> below_;
  int top_ = 0;
};

std::string trees_text(const FoundWays& ways) {
  if (ways.trees.empty()) return "";
  double sum = 0;
  for (const FoundTree& tree : ways.trees) sum += tree.bandwidth;
  std::string text = counted(static_cast<int>(ways.trees.size()), "tree")
                         .append(", ")
                         .append(bandwidth_text(sum))
                         .append(" up and down together\n");
  for (std::size_t i = 0; i < ways.trees.size(); ++i) {
    const FoundTree& tree = ways.trees[i];
    text.append(line("tree", i, tree.bandwidth))
        .append(types_text(tree.inside, tree.between))
        .append("  ")
        .append(TreeText(ways, tree).text())
        .append("\n");
  }
  return text;
}

// "8 groups of 2", "5 groups of 1 to 4".
std::string groups_text(const FoundLevel& level) {
  std::size_t least = level.groups.front().size();
  std::size_t most = least;
  for (const std::vector<int>& group : level.groups) {
    least = std::min(least, group.size());
    most = std::max(most, group.size());
  }
  std::string text = counted(static_cast<int>(level.groups.size()), "group").append(" of ");
  text.append(std::to_string(least));
  return least == most ? text : text.append(" to ").append(std::to_string(most));
}

std::string levels_text(const FoundWays& ways) {
  if (ways.levels.empty()) return "";
  std::string text =
      counted(static_cast<int>(ways.levels.size()), "level").append(", nearest first\n");
  for (const FoundLevel& level : ways.levels) {
    text.append("  ")
        .append(padded(level.name, 15))
        .append(padded(bandwidth_text(level.bandwidth), 12))
        .append(groups_text(level))
        .append("\n");
  }
  return text;
}

}  // namespace

std::string to_text(const FoundWays& ways) {
  std::string text = members_text(ways.members);
  if (ways.members.size() < 2) return text;
  return text.append(rings_text(ways)).append(trees_text(ways)).append(levels_text(ways));
}

}  // namespace tutti
