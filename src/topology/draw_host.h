// The picture of one host: where its parts are, and the links between them.
//
// Processors stand in a row, what is behind them hangs below in rows by depth, GPUs and ports in
// the last. GPUs that are linked to each other stand on an ellipse below the ports, so that every
// link is a straight line that no other GPU is in the way of.
//
// Tested by topology_draw_test.cc.

#pragma once

#include <string>

#include "topology/scene.h"
#include "tutti/topology.h"

namespace tutti::drawing {

struct HostPicture {
  Scene scene;
  double width = 0;  // of the scene, from 0
  double height = 0;
};

/// `title` stands above it, `subtitle` below that; `copies`: hosts that it stands for.
HostPicture draw_host(const TopologyHost& host, const std::string& prefix, const std::string& title,
                      const std::string& subtitle, int copies);

}  // namespace tutti::drawing
