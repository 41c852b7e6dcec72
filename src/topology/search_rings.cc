// From courses to rings: members in order over all units, ports by host, and what each ring carries
// when all run at once. Tested by topology_search_test.cc.

#include <algorithm>

#include "topology/graph_bandwidth.h"
#include "topology/search_course.h"
#include "topology/search_share.h"

namespace tutti {
namespace {

const Segment& segment_at(const Course& course, std::size_t unit, std::size_t ring) {
  return course.pieces[course.of_unit[unit]].segments[ring];
}

std::size_t rings_in(const Course& course) {
  return course.of_unit.empty() ? 0 : course.pieces.front().segments.size();
}

// Ranks on one processor are joined by no link: their cores copy.
bool copies(const UnitShape& shape, const Segment& segment) {
  for (std::size_t i = 1; i < segment.order.size(); ++i) {
    if (shape.nodes[segment.order[i]] == shape.nodes[segment.order[i - 1]]) return true;
  }
  return false;
}

Load load_of(const Field& field, const Course& course, std::size_t ring) {
  Load load{.links = {}, .most = kLocalBandwidth};
  int before = 0;  // links of the units so far
  for (std::size_t unit = 0; unit < field.units.size(); ++unit) {
    const UnitShape& shape = field.shape(field.units[unit]);
    const Segment& segment = segment_at(course, unit, ring);
    for (const int link : segment.links) load.links.push_back(before + link);
    if (copies(shape, segment)) load.most = kMemoryBandwidth;
    before += static_cast<int>(shape.graph.links.size());
  }
  return load;
}

int hosts_of(const Field& field) {
  int hosts = 0;
  for (const FieldUnit& unit : field.units) hosts = std::max(hosts, unit.hosts.back() + 1);
  return hosts;
}

void note_port(const UnitShape& shape, const FieldUnit& unit, int port, std::vector<int>& by_host) {
  const Node& node = shape.graph.nodes[port];
  by_host[unit.hosts[node.host]] = node.device;
}

FoundRing ring_of(const Field& field, const Course& course, std::size_t ring) {
  FoundRing found;
  if (field.units.size() > 1) found.ports = found.exits = std::vector<int>(hosts_of(field), -1);
  for (std::size_t i = 0; i < field.units.size(); ++i) {
    const FieldUnit& unit = field.units[i];
    const Segment& segment = segment_at(course, i, ring);
    for (const int member : segment.order) found.order.push_back(unit.members[member]);
    found.inside = std::max(found.inside, segment.inside);
    found.between = std::max(found.between, segment.port);
    if (found.ports.empty()) continue;
    const Lane& lane = course.pieces[course.of_unit[i]].lanes[ring];
    note_port(field.shape(unit), unit, lane.enter, found.ports);
    note_port(field.shape(unit), unit, lane.leave, found.exits);
  }
  return found;
}

}  // namespace

std::vector<double> capacities_of(const Field& field) {
  std::vector<double> capacities;
  for (const FieldUnit& unit : field.units) {
    for (const GraphLink& link : field.shape(unit).graph.links) capacities.push_back(link.capacity);
  }
  return capacities;
}

std::vector<FoundRing> rings_of(const Field& field, const Course& course) {
  std::vector<FoundRing> rings;
  std::vector<Load> loads;
  for (std::size_t ring = 0; ring < rings_in(course); ++ring) {
    rings.push_back(ring_of(field, course, ring));
    loads.push_back(load_of(field, course, ring));
  }
  const std::vector<double> shares = share(loads, capacities_of(field));
  for (std::size_t ring = 0; ring < rings.size(); ++ring) rings[ring].bandwidth = shares[ring];
  return rings;
}

}  // namespace tutti
