// What must hold of every text that is taken for a topology: it is read or refused with its place,
// and what is read is written, and read back equal.
//
// For topology_xml_test.cc, on a kept corpus, and fuzz/topology_xml_fuzz.cc, on any text.

#pragma once

#include <string>
#include <string_view>

#include "tutti/topology.h"

namespace tutti {

/// "", or what does not hold.
inline std::string fails_to_read_back(std::string_view text) {
  const Result<TopologyReport> first = parse_topology_xml(text, "text.xml");
  if (!first.ok()) {
    const std::string error = first.status().message();
    return error.starts_with("text.xml:") ? "" : std::string("error without a place: ") + error;
  }
  const std::string written = to_xml(first->topology);
  const Result<TopologyReport> second = parse_topology_xml(written, "written.xml");
  if (!second.ok()) return second.status().message();
  if (!second->notes.empty()) return second->notes.front();
  if (!(second->topology == first->topology)) return "read back unequal:\n" + written;
  if (to_xml(second->topology) != written) return "written otherwise the second time:\n" + written;
  return "";
}

}  // namespace tutti
