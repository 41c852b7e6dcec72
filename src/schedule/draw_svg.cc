// The time line as SVG: ranks side by side, time downwards. Tested by draw_test.cc.

#include <algorithm>
#include <array>
#include <string_view>

#include "schedule/draw.h"
#include "schedule/shape.h"
#include "schedule/timeline.h"

namespace tutti {
namespace {

// Pixels.
constexpr int kMargin = 16;
constexpr int kHead = 64;  // title, legend and lane names
constexpr int kLane = 270;
constexpr int kBoxWidth = 218;
constexpr int kRow = 26;
constexpr int kBoxHeight = 20;
constexpr std::size_t kLabel = 33;  // characters that fit a box

struct Style {
  std::string_view name;
  std::string_view color;
};

// By StepKind.
constexpr std::array<Style, 5> kStyles = {{
    {"copy", "#d9dde3"},
    {"reduce", "#f6c08a"},
    {"put", "#9cc3f0"},
    {"signal", "#cdb7ec"},
    {"wait", "#f4eeb0"},
}};

const Style& style_of(StepKind kind) { return kStyles[static_cast<std::size_t>(kind)]; }

int left_of(int rank) { return kMargin + rank * kLane + (kLane - kBoxWidth) / 2; }
int top_of(int unit) { return kMargin + kHead + unit * kRow; }
int middle_of(int unit) { return top_of(unit) + kBoxHeight / 2; }

std::string number(int value) { return std::to_string(value); }

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '>') {
      safe += "&gt;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string text_at(int x, int y, std::string_view attributes, std::string_view text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + std::string(attributes) + ">" +
         escaped(text) + "</text>\n";
}

std::string box_at(int x, int y, int width, std::string_view color) {
  return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
         "\" height=\"" + number(kBoxHeight) + "\" rx=\"4\" fill=\"" + std::string(color) +
         "\" fill-opacity=\"0.9\" stroke=\"#667\" stroke-width=\"0.6\"/>\n";
}

// A step in as many characters as a box holds; the whole is in its tooltip.
std::string label_of(const Step& step) {
  if (step.kind == StepKind::kReduce && dump(step).size() > kLabel) {
    return "reduce " + number(static_cast<int>(step.sources.size())) + " chunks -> " +
           dump(step.target);
  }
  Step bare = step;
  bare.channel = 0;
  return dump(bare) + (step.channel == 0 ? "" : " ch " + number(step.channel));
}

std::string draw_step(int rank, int index, const Step& step, int unit) {
  return "<g><title>rank " + number(rank) + ", step " + number(index) + ": " + escaped(dump(step)) +
         "</title>\n" + box_at(left_of(rank), top_of(unit), kBoxWidth, style_of(step.kind).color) +
         text_at(left_of(rank) + 6, top_of(unit) + 14, "", label_of(step)) + "</g>\n";
}

// From the near side of the signal's box to the near side of the wait's.
std::string draw_arrow(int from, int from_unit, int to, int to_unit) {
  const bool rightwards = to > from;
  const int x1 = left_of(from) + (rightwards ? kBoxWidth : 0);
  const int x2 = left_of(to) + (rightwards ? -3 : kBoxWidth + 3);
  return "<line class=\"arrow\" x1=\"" + number(x1) + "\" y1=\"" + number(middle_of(from_unit)) +
         "\" x2=\"" + number(x2) + "\" y2=\"" + number(middle_of(to_unit)) + "\"/>\n";
}

std::string draw_lane(int rank, int units) {
  const int x = left_of(rank) + kBoxWidth / 2;
  const std::string middle = number(x);
  return text_at(x, kMargin + kHead - 10, "text-anchor=\"middle\" font-weight=\"bold\"",
                 "rank " + number(rank)) +
         "<line x1=\"" + middle + "\" y1=\"" + number(top_of(0)) + "\" x2=\"" + middle +
         "\" y2=\"" + number(top_of(units)) + "\" stroke=\"#ccd\" stroke-width=\"1\"/>\n";
}

std::string draw_legend(const Schedule& schedule) {
  const std::string title = std::string(name(schedule.collective)) + ", " + number(schedule.ranks) +
                            " ranks, " + number(schedule.chunks) + " chunks, " +
                            number(schedule.scratch_chunks) + " scratch chunks";
  std::string svg = text_at(kMargin, kMargin + 10, "font-weight=\"bold\"", title);
  constexpr int kEntry = 64;
  int x = kMargin;
  for (const Style& style : kStyles) {
    svg += box_at(x, kMargin + 16, kEntry - 8, style.color);
    svg += text_at(x + 8, kMargin + 30, "", style.name);
    x += kEntry;
  }
  return svg;
}

std::string draw_head(const Schedule& schedule, int units) {
  constexpr int kNarrowest = 360;  // the legend
  const std::string width = number(std::max(kNarrowest, 2 * kMargin + schedule.ranks * kLane));
  const std::string height = number(top_of(units) + kMargin);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
         "\" viewBox=\"0 0 " + width + " " + height +
         "\" font-family=\"monospace\" font-size=\"10.5\" fill=\"#123\">\n"
         "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
         "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#456\"/></marker>\n"
         "<style>.arrow{stroke:#456;stroke-width:1;stroke-opacity:.75;marker-end:url(#head)}"
         "</style></defs>\n"
         "<rect width=\"" +
         width + "\" height=\"" + height + "\" fill=\"#fff\"/>\n";
}

std::string draw_body(const Schedule& schedule, const Timeline& time) {
  std::string boxes, arrows;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (std::size_t i = 0; i < time.steps[rank].size(); ++i) {
      const Timeline::Moment& moment = time.steps[rank][i];
      boxes += draw_step(rank, static_cast<int>(i), schedule.at(rank).steps[i], moment.unit);
      if (moment.signal_rank == kNone) continue;
      const int given = time.steps[moment.signal_rank][moment.signal_step].unit;
      arrows += draw_arrow(moment.signal_rank, given, rank, moment.unit);
    }
  }
  return arrows + boxes;  // so that no arrow crosses a word
}

}  // namespace

std::string draw_svg(const Schedule& schedule) {
  if (std::string wrong = check_shape(schedule); !wrong.empty()) {
    return draw_head({}, 1) + text_at(kMargin, kMargin + 10, "", wrong) + "</svg>\n";
  }
  const Timeline time = timeline(schedule);
  std::string svg = draw_head(schedule, time.units) + draw_legend(schedule);
  for (int rank = 0; rank < schedule.ranks; ++rank) svg += draw_lane(rank, time.units);
  return svg + draw_body(schedule, time) + "</svg>\n";
}

}  // namespace tutti
