// NVLinks in the picture of a host: lines between GPUs, or from each to a bar that stands for the
// NVSwitches. Tested by topology_draw_test.cc.

#pragma once

#include <string>
#include <vector>

#include "topology/link_ends.h"
#include "topology/scene.h"
#include "tutti/topology.h"

namespace tutti::drawing {

/// GPUs of a host as they are drawn, from left to right.
struct DrawnGpu {
  int gpu = 0;
  std::string id;
  Spot center = {};
  double width = 0;
  double height = 0;
  std::vector<LinkEnd> ends;
};

/// Whether a link joins two GPUs that do not stand side by side. REQUIRES: from left to right.
bool needs_ellipse(const std::vector<DrawnGpu>& gpus);

/// Lines between GPUs with the number of links on them. Returns whether there are any.
bool draw_mesh(const std::vector<DrawnGpu>& gpus, Scene& scene);

/// A bar with its top at `top`, and a line to it from every GPU that has links to NVSwitches.
/// `link_bandwidth`: GB/s of a link. Returns the lower end of the bar. REQUIRES: one has such
/// links.
double draw_switch(const std::vector<DrawnGpu>& gpus, const std::string& id,
                   const std::string& name, double top, double link_bandwidth, Scene& scene);

}  // namespace tutti::drawing
