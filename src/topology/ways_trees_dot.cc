// Trees as Graphviz arranges them. Many members are drawn a host each, and of many hosts those near
// the top. Tested by topology_ways_test.cc.

#include <algorithm>
#include <functional>
#include <map>

#include "topology/ways_words.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

constexpr std::size_t kMostDrawn = 96;    // members
constexpr std::size_t kMostUpright = 24;  // members of trees that stand; larger ones lie

// A member, or a host's members where all of them hang together.
struct Leafy {
  int member = 0;  // the one on top
  int members = 1;
  std::vector<int> below;  // of the drawing
};

class TreeDrawing {
 public:
  TreeDrawing(const FoundWays& ways, int number)
      : ways_(ways), tree_(ways.trees[number]), number_(number) {
    const bool fold = ways.members.size() > kMostDrawn;
    std::vector<int> drawn(ways.members.size(), -1);
    for (const int member : from_the_top()) {
      const int parent = tree_.parents[member];
      if (fold && parent >= 0 && host(parent) == host(member)) {
        drawn[member] = drawn[parent];
        ++nodes_[drawn[member]].members;
        continue;
      }
      drawn[member] = static_cast<int>(nodes_.size());
      nodes_.push_back({member, 1, {}});
      if (parent >= 0) nodes_[drawn[parent]].below.push_back(drawn[member]);
    }
  }

  std::string text() const {
    std::string text =
        std::string("  subgraph ")
            .append(dot_quoted(std::string("cluster_").append(std::to_string(number_))))
            .append(" {\n    label=")
            .append(dot_quoted(title()))
            .append(
                ";\n    style=rounded; color=\"#c4c9ce\"; fontsize=15; margin=14; "
                "fontname=\"Helvetica-Bold\"; fontcolor=\"")
            .append(ring_colour(number_))
            .append("\";\n");
    const std::vector<int> shown = nearest_the_top();
    for (const int node : shown) text += node_text(node, shown);
    return text.append("  }\n");
  }

 private:
  int host(int member) const { return ways_.members[member].place.host; }
  bool several_hosts() const { return !host_label(ways_.members.front()).empty(); }

  std::string title() const {
    return std::string("tree ")
        .append(std::to_string(number_))
        .append(": ")
        .append(bandwidth_text(tree_.bandwidth))
        .append(" up and down, ")
        .append(types_text(tree_.inside, tree_.between));
  }

  // Parents before children.
  std::vector<int> from_the_top() const {
    std::vector<std::vector<int>> below(tree_.parents.size());
    std::vector<int> order;
    for (int member = 0; member < static_cast<int>(tree_.parents.size()); ++member) {
      const int parent = tree_.parents[member];
      (parent < 0 ? order : below[parent]).push_back(member);
    }
    for (std::size_t next = 0; next < order.size(); ++next) {
      const std::vector<int>& children = below[order[next]];
      order.insert(order.end(), children.begin(), children.end());
    }
    return order;
  }

  // Whole generations, as long as they are not too many.
  std::vector<int> nearest_the_top() const {
    std::vector<int> shown;
    std::vector<int> generation = {0};
    while (!generation.empty() &&
           (shown.empty() || shown.size() + generation.size() <= kMostDrawn)) {
      shown.insert(shown.end(), generation.begin(), generation.end());
      std::vector<int> next;
      for (const int node : generation) {
        next.insert(next.end(), nodes_[node].below.begin(), nodes_[node].below.end());
      }
      generation = std::move(next);
    }
    return shown;
  }

  std::string id(int node) const {
    return dot_quoted(std::string("tree")
                          .append(std::to_string(number_))
                          .append("_")
                          .append(std::to_string(nodes_[node].member)));
  }

  int members_below(int node) const {
    int members = 0;
    for (const int child : nodes_[node].below) {
      members += nodes_[child].members + members_below(child);
    }
    return members;
  }

  std::string label(int node, bool cut) const {
    const Member& top = ways_.members[nodes_[node].member];
    std::string text = several_hosts() ? host_label(top).append("\\n") : "";
    if (nodes_[node].members > 1) {
      text.append(counted(nodes_[node].members, "member"));
    } else {
      text.append(device_label(top));
    }
    if (cut) text.append("\\nand ").append(std::to_string(members_below(node))).append(" below");
    return text;
  }

  std::string node_text(int node, const std::vector<int>& shown) const {
    const std::vector<int>& below = nodes_[node].below;
    const bool drawn = !below.empty() && std::ranges::find(shown, below.front()) != shown.end();
    const bool cut = !below.empty() && !drawn;
    std::string text = std::string("    ")
                           .append(id(node))
                           .append(" [label=")
                           .append(dot_quoted(label(node, cut)))
                           .append(below.empty() ? "" : ", fillcolor=\"#dbe7f3\"")
                           .append("];\n");
    if (!drawn) return text;
    for (const int child : below) {
      const bool network = host(nodes_[node].member) != host(nodes_[child].member) &&
                           tree_.between != PathType::kLocal;
      text.append("    ")
          .append(id(node))
          .append(" -> ")
          .append(id(child))
          .append(" [color=\"")
          .append(ring_colour(number_))
          .append(network ? "\", penwidth=2.8];\n" : "\"];\n");
    }
    return text;
  }

  const FoundWays& ways_;
  const FoundTree& tree_;
  int number_;
  std::vector<Leafy> nodes_;
};

}  // namespace

std::string trees_to_dot(const FoundWays& ways) {
  const bool lying = ways.members.size() > kMostUpright;
  std::string text = "digraph trees {\n  graph [";
  text.append(lying ? "rankdir=LR, ranksep=0.5, nodesep=0.08" : "rankdir=TB, ranksep=0.35")
      .append(
          ", bgcolor=white, pad=0.2];\n"
          "  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"filled,rounded\", "
          "fillcolor=white, color=\"#5f6b73\", margin=\"0.08,0.04\", height=0.3];\n"
          "  edge [dir=both, arrowsize=0.5, penwidth=1.4];\n");
  if (ways.trees.empty())
    text.append("  none [label=\"no trees\", shape=plaintext, style=\"\"];\n");
  std::vector<std::string> drawings;
  for (int tree = 0; tree < static_cast<int>(ways.trees.size()); ++tree) {
    drawings.push_back(TreeDrawing(ways, tree).text());
  }
  if (lying) std::ranges::reverse(drawings);  // Graphviz stacks them from below
  for (const std::string& drawing : drawings) text += drawing;
  return text.append("}\n");
}

}  // namespace tutti
