// Nodes and edges at fixed places, as text for Graphviz. Tested by topology_ways_test.cc.

#pragma once

#include <string>

#include "topology/scene.h"

namespace tutti {

struct DotNode {
  std::string id;
  std::string label;
  Spot center = {};
  double width = 0;  // points
  double height = 0;
  std::string style;  // further attributes: "shape=circle, fillcolor=white"
};

/// Collects text. Places are in points, with y growing downwards.
class Canvas {
 public:
  void node(const DotNode& node);
  /// A corner of lines that nothing is drawn at.
  void corner(const std::string& id, Spot center);
  void edge(const std::string& from, const std::string& to, const std::string& style);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace tutti
