// Tested by topology_xml_test.cc.

#include "topology/xml_reading.h"

#include <algorithm>

namespace tutti {
namespace {

// A file that is not for us has something to note on every line.
constexpr std::size_t kMostNotes = 50;

}  // namespace

std::string sentence(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

XmlReading::XmlReading(std::string_view text, std::string_view file) : file_(file) {
  line_begins_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_begins_.push_back(i + 1);
  }
}

std::size_t XmlReading::line(std::ptrdiff_t offset) const {
  const auto after =
      std::upper_bound(line_begins_.begin(), line_begins_.end(),
                       static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, offset)));
  return static_cast<std::size_t>(after - line_begins_.begin());
}

std::string XmlReading::at(std::ptrdiff_t offset, std::string_view what) const {
  return sentence({file_, ":", std::to_string(line(offset)), ": ", what});
}

std::string XmlReading::at(pugi::xml_node node, std::string_view what) const {
  return at(node.offset_debug(), what);
}

void XmlReading::fail(pugi::xml_node node, std::string_view what) {
  if (!failed()) error_ = at(node, what);
}

void XmlReading::note(pugi::xml_node node, std::string_view what) {
  if (notes_.size() < kMostNotes) {
    notes_.push_back(at(node, what));
  } else {
    ++notes_left_out_;
  }
}

void XmlReading::note_unknown(pugi::xml_node node) {
  const std::string_view parent = node.parent().name();
  if (node.type() == pugi::node_element) {
    note(node, sentence({"<", node.name(), "> in <", parent, "> is not known and left out"}));
  } else {
    note(node, sentence({"text in <", parent, "> is left out"}));
  }
}

std::vector<std::string> XmlReading::take_notes() {
  if (notes_left_out_ > 0) {
    notes_.push_back(sentence({file_, ": and ", std::to_string(notes_left_out_), " notes more"}));
  }
  return std::move(notes_);
}

void XmlReading::count_part(pugi::xml_node node) {
  if (parts_left_ == 0) fail(node, "more than a million parts: expected the topology of a cluster");
  if (parts_left_ > 0) --parts_left_;
}

}  // namespace tutti
