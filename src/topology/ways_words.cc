// Tested by topology_ways_test.cc.

#include "topology/ways_words.h"

#include <array>

namespace tutti {

std::string types_text(PathType inside, PathType between) {
  std::string text(name(inside));
  if (between == PathType::kLocal) return text;
  return text.append(" inside, ").append(name(between)).append(" to ports");
}

std::string device_label(const Member& member) {
  return member.place.label.substr(member.place.label.rfind('/') + 1);
}

std::string host_label(const Member& member) {
  const std::size_t slash = member.place.label.rfind('/');
  return slash == std::string::npos ? "" : member.place.label.substr(0, slash);
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string ring_colour(int ring) {
  constexpr std::array<const char*, 12> kColours = {"#1f77b4", "#d62728", "#2c8a2c", "#8152b8",
                                                    "#e07000", "#0f98a6", "#8c564b", "#c95fae",
                                                    "#5f6b73", "#8f8f10", "#003f7f", "#b5004f"};
  return kColours[static_cast<std::size_t>(ring) % kColours.size()];
}

}  // namespace tutti
