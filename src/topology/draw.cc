// A topology as a picture: every kind of host once, beside each other.
//
// Tested by topology_draw_test.cc.

#include <algorithm>

#include "topology/draw_host.h"
#include "topology/draw_parts.h"
#include "topology/link_ends.h"
#include "topology/part_names.h"
#include "topology/words.h"
#include "tutti/topology.h"

namespace tutti {
namespace {

using namespace drawing;

constexpr double kBetween = 40;   // points between hosts
constexpr double kWidest = 2400;  // of a row

int ports_of(const std::vector<PciDevice>& devices) {
  int count = 0;
  for (const PciDevice& device : devices) {
    count += static_cast<int>(device.nets.size()) + ports_of(device.devices);
  }
  return count;
}

int ports_of(const TopologyHost& host) {
  int count = 0;
  for (const Cpu& cpu : host.cpus) {
    count += static_cast<int>(cpu.nets.size()) + ports_of(cpu.devices);
  }
  return count;
}

std::string in_brackets(const std::string& text) { return text.empty() ? "" : " (" + text + ")"; }

std::string contents(const TopologyHost& host) {
  const int gpus = static_cast<int>(gpus_of(host).size());
  const int ports = ports_of(host);
  return joined(
      {counted(static_cast<int>(host.cpus.size()), "processor") + in_brackets(common_model(host)),
       gpus == 0 ? "" : counted(gpus, "GPU") + in_brackets(common_generation(host)),
       ports == 0 ? "" : counted(ports, "network port")});
}

std::string title_of(const Topology& topology, const std::vector<int>& group) {
  const std::string first = host_name(topology, group.front());
  if (group.size() == 1) return first;
  return std::to_string(group.size()) + " hosts alike: " + first + " … " +
         host_name(topology, group.back());
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void append(Scene& scene, const Scene& more) {
  append(scene.boxes, more.boxes);
  append(scene.wires, more.wires);
  append(scene.labels, more.labels);
  append(scene.captions, more.captions);
  append(scene.anchors, more.anchors);
}

}  // namespace

std::string to_dot(const Topology& topology) {
  Scene scene;
  Spot corner;
  double row_height = 0;
  for (const std::vector<int>& group : alike_hosts(topology)) {
    const TopologyHost& host = topology.hosts[static_cast<std::size_t>(group.front())];
    HostPicture picture =
        draw_host(host, std::to_string(group.front()) + "/", title_of(topology, group),
                  contents(host), static_cast<int>(group.size()));
    if (corner.x > 0 && corner.x + picture.width > kWidest) {
      corner = {0, corner.y + row_height + kBetween};
      row_height = 0;
    }
    shift(picture.scene, corner);
    append(scene, picture.scene);
    corner.x += picture.width + kBetween;
    row_height = std::max(row_height, picture.height);
  }
  return drawing::to_dot(scene);
}

}  // namespace tutti
