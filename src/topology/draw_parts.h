// The parts of a host that a picture shows, as boxes in trees: processors, below them PCI switches,
// GPUs and network ports. Places are given later (draw_host.cc).
//
// Tested by topology_draw_test.cc.

#pragma once

#include <string>
#include <vector>

#include "topology/scene.h"
#include "tutti/topology.h"

namespace tutti::drawing {

struct Part {
  Box box;
  std::string link = {};  // to what is above: "PCIe 5.0 ×16"; "" unknown
  double thickness = 1;   // of that link
  WireKind link_kind = WireKind::kPci;
  int gpu = -1;      // of a GPU: its index on the host
  int package = -1;  // of a processor
  std::vector<Part> below = {};
};

/// "Intel family 6 model 143", "Hopper, sm_90": what all processors or GPUs of a host are; "" where
/// they differ, or nothing is known. What they have in common stands above the picture, not in
/// every box.
std::string common_model(const TopologyHost& host);
std::string common_generation(const TopologyHost& host);

/// A part for every processor. Devices that neither are nor lead to GPUs or network ports are left
/// out. Ids of boxes begin with `prefix`.
std::vector<Part> parts_of(const TopologyHost& host, const std::string& prefix);

/// The id of the box of a GPU.
std::string gpu_id(const std::string& prefix, int gpu);

}  // namespace tutti::drawing
