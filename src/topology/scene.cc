// Tested by topology_draw_test.cc.

#include "topology/scene.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "topology/text_tree.h"

namespace tutti::drawing {
namespace {

// Points. Widths of letters are those of DejaVu Sans, the widest that browsers and Graphviz put in
// the place of Helvetica: text fits whatever is there.
constexpr double kTitleSize = 11;
constexpr double kTextSize = 9;
constexpr double kLabelSize = 8.5;
constexpr double kBoldLetter = 0.7;
constexpr double kLetter = 0.61;
constexpr double kTitleHeight = 16;
constexpr double kTextHeight = 13;
constexpr double kPadding = 8;
constexpr const char* kFont = "Helvetica,Arial,sans-serif";
constexpr const char* kBold = ", fontname=\"Helvetica-Bold\"";

struct Look {
  const char* fill;
  const char* border;
};

// Fills are light and texts nearly black: contrast is above 10:1 everywhere. Hosts and packages are
// outlines: they lie above lines.
Look look_of(BoxKind kind) {
  switch (kind) {
    case BoxKind::kHost:
      return {"transparent", "#334155"};
    case BoxKind::kPackage:
      return {"transparent", "#94a3b8"};
    case BoxKind::kCpu:
      return {"#dbeafe", "#2563eb"};
    case BoxKind::kSwitch:
      return {"#e5e7eb", "#6b7280"};
    case BoxKind::kDevice:
      return {"#f8fafc", "#94a3b8"};
    case BoxKind::kGpu:
      return {"#d3f2c4", "#3f8a1f"};
    case BoxKind::kNet:
      return {"#ffe7c2", "#c2700c"};
    case BoxKind::kNvSwitch:
      return {"#bfe8c9", "#166534"};
  }
  return {"", ""};
}

const char* color_of(WireKind kind) {
  switch (kind) {
    case WireKind::kPci:
      return "#6b7280";
    case WireKind::kNvLink:
      return "#3f8a1f";
    case WireKind::kC2c:
      return "#7e22ce";
    case WireKind::kProcessors:
      return "#2563eb";
  }
  return "";
}

// Darker than the lines: letters are thin.
const char* text_color_of(WireKind kind) {
  switch (kind) {
    case WireKind::kPci:
      return "#374151";
    case WireKind::kNvLink:
      return "#1f5c0a";
    case WireKind::kC2c:
      return "#581c87";
    case WireKind::kProcessors:
      return "#1e40af";
  }
  return "";
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string position(Spot spot) {
  return "pos=\"" + number(spot.x) + "," + number(-spot.y) + "!\"";
}

std::string inches(double points) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", points / 72);
  return text.data();
}

std::string size(double width, double height) {
  return "width=" + inches(width) + ", height=" + inches(height);
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string quoted(const std::string& text) {
  std::string safe = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe + "\"";
}

// Rows of a table: lines alone would stand so close that an underscore touches what is below it.
std::string html(const std::vector<std::string>& lines) {
  if (lines.empty()) return "\"\"";
  std::string rows;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string text = escaped(lines[i]);
    rows += "<tr><td>" +
            (i == 0 ? "<b>" + text + "</b>"
                    : "<font point-size=\"" + number(kTextSize) + "\">" + text + "</font>") +
            "</td></tr>";
  }
  return "<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"1\">" + rows +
         "</table>>";
}

std::string box_text(const Box& box) {
  const Look look = look_of(box.kind);
  return "  " + quoted(box.id) + " [" + position(box.center) + ", " + size(box.width, box.height) +
         ", fillcolor=\"" + look.fill + "\", color=\"" + look.border +
         "\", label=" + html(box.lines) + "]\n";
}

std::string anchor_text(const std::string& name, Spot spot) {
  return "  " + quoted(name) + " [" + position(spot) +
         ", shape=point, width=0, height=0, style=invis, label=\"\"]\n";
}

const char* side_text(Side side) {
  switch (side) {
    case Side::kAny:
      return "";
    case Side::kTop:
      return ":n";
    case Side::kBottom:
      return ":s";
  }
  return "";
}

std::string wire_text(const Wire& wire) {
  return "  " + quoted(wire.from) + side_text(wire.from_side) + " -- " + quoted(wire.to) +
         side_text(wire.to_side) + " [color=\"" + color_of(wire.kind) +
         "\", penwidth=" + number(wire.thickness) + "]\n";
}

std::string label_text(const Label& label, std::size_t index) {
  return "  \"label " + std::to_string(index) + "\" [" + position(label.center) + ", " +
         size(width_for_label(label.text), kTextHeight) +
         ", margin=0, style=filled, fillcolor=white, penwidth=0, fontsize=" + number(kLabelSize) +
         ", fontcolor=\"" + text_color_of(label.kind) + "\", label=" + quoted(label.text) + "]\n";
}

// "\l" has Graphviz begin at the left.
std::string caption_text(const Caption& caption, std::size_t index) {
  const double letter = caption.bold ? kTitleSize * kBoldLetter : kTextSize * kLetter;
  const double width = width_of(caption.text) * letter;
  std::string text = quoted(caption.text);
  text.insert(text.size() - 1, "\\l");
  return "  \"caption " + std::to_string(index) + "\" [" +
         position({caption.left.x + width / 2, caption.left.y}) + ", " + size(width, kTextHeight) +
         ", shape=plaintext, style=\"\", margin=0" + (caption.bold ? kBold : "") +
         ", fontsize=" + number(caption.bold ? kTitleSize : kTextSize) + ", label=" + text + "]\n";
}

}  // namespace

void shift(Scene& scene, Spot by) {
  const auto move = [&](Spot& spot) { spot = {spot.x + by.x, spot.y + by.y}; };
  for (Box& box : scene.boxes) move(box.center);
  for (Label& label : scene.labels) move(label.center);
  for (Caption& caption : scene.captions) move(caption.left);
  for (auto& [name, spot] : scene.anchors) move(spot);
}

double width_for(const std::vector<std::string>& lines) {
  double width = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double letter = i == 0 ? kTitleSize * kBoldLetter : kTextSize * kLetter;
    width = std::max(width, width_of(lines[i]) * letter);
  }
  return width + 2 * kPadding;
}

double height_for(const std::vector<std::string>& lines) {
  return kTitleHeight + kTextHeight * static_cast<double>(lines.size() - 1) + kPadding;
}

double width_for_label(const std::string& text) {
  return width_of(text) * kLabelSize * kLetter + 4;
}

std::string to_dot(const Scene& scene) {
  const std::string font = "fontname=\"" + std::string(kFont) + "\"";
  std::string text =
      "graph machine {\n"
      "  graph [layout=neato, inputscale=72, splines=line, outputorder=edgesfirst, "
      "bgcolor=white, pad=0.2, " +
      font +
      "]\n"
      "  node [shape=box, style=\"filled,rounded\", fontcolor=\"#111827\", fontsize=" +
      number(kTitleSize) + ", " + font + "]\n";
  for (const Box& box : scene.boxes) text += box_text(box);
  for (const auto& [name, spot] : scene.anchors) text += anchor_text(name, spot);
  for (const Wire& wire : scene.wires) text += wire_text(wire);
  for (std::size_t i = 0; i < scene.labels.size(); ++i) text += label_text(scene.labels[i], i);
  for (std::size_t i = 0; i < scene.captions.size(); ++i) {
    text += caption_text(scene.captions[i], i);
  }
  return text + "}\n";
}

}  // namespace tutti::drawing
