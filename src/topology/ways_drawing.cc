// Tested by topology_ways_test.cc.

#include "topology/ways_drawing.h"

#include <algorithm>

#include "topology/ways_words.h"
#include "topology/words.h"

namespace tutti {
namespace {

std::string title_text(const FoundRing& ring, int number) {
  return std::string("ring ")
      .append(std::to_string(number))
      .append(": ")
      .append(bandwidth_text(ring.bandwidth))
      .append(", ")
      .append(types_text(ring.inside, ring.between));
}

// Names of hosts differ at their ends.
std::string shortened(const std::string& line) {
  constexpr std::size_t kMost = 12;
  return line.size() <= kMost ? line
                              : std::string("..").append(line.substr(line.size() - kMost + 2));
}

// At which a line of so many letters, each 0.55 of its size wide, fits into a member.
std::string font_size(std::size_t letters) {
  const double fitting = (kMemberWidth - 4) / (0.55 * static_cast<double>(letters));
  return std::to_string(std::min(10, static_cast<int>(fitting)));
}

}  // namespace

RingDrawing::RingDrawing(const FoundWays& ways, int ring)
    : ways_(ways), ring_(ways.rings[ring]), number_(ring) {}

std::string RingDrawing::id(int member) const { return id("member", member); }

std::string RingDrawing::id(const std::string& what, int number) const {
  return std::string("ring")
      .append(std::to_string(number_))
      .append("_")
      .append(what)
      .append(std::to_string(number));
}

void RingDrawing::draw_member(int number, const std::vector<std::string>& lines, Spot center) {
  std::string text;
  std::size_t longest = 1;
  for (const std::string& line : lines) {
    const std::string fitting = shortened(line);
    longest = std::max(longest, fitting.size());
    text.append(text.empty() ? "" : "\\n").append(fitting);
  }
  canvas_.node({id(number), text, center, kMemberWidth, kMemberHeight,
                std::string("shape=box, fontsize=").append(font_size(longest))});
}

void RingDrawing::draw_way(const std::string& from, const std::string& to,
                           const std::string& more) {
  canvas_.edge(from, to, std::string("color=\"").append(ring_colour(number_)) + "\"" + more);
}

Panel RingDrawing::panel(double x, double y, double width, double height) {
  canvas_.node({id("title", 0),
                title_text(ring_, number_),
                {x + width / 2, y + kTitleHeight / 2},
                width,
                kTitleHeight,
                std::string("shape=plaintext, style=\"\", fontsize=15, ")
                    .append("fontname=\"Helvetica-Bold\", fontcolor=\"")
                    .append(ring_colour(number_))
                    .append("\"")});
  return {canvas_.text(), width, height};
}

std::vector<std::string> member_lines(const Member& member) {
  const bool told = member.place.kind == PlaceKind::kGpu && member.rank == member.place.device;
  if (told && member.place.host == 0) return {device_label(member)};
  return {device_label(member), std::string("rank ").append(std::to_string(member.rank))};
}

}  // namespace tutti
