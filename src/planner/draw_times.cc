// Where the time of a step goes, a bar a plan, as SVG. Tested by planner_draw_test.cc.

#include <algorithm>
#include <array>
#include <cmath>

#include "base/svg.h"
#include "tutti/planner_inference.h"

namespace tutti::planner {
namespace {

constexpr double kLeft = 170, kTop = 94, kWidth = 720, kRow = 30, kBar = 20, kBottom = 50;
constexpr double kRight = 90, kLegible = 30;

// In the order of parts().
constexpr std::array<std::string_view, 9> kColors = {"#86cfa5", "#c4e3a5", "#f2ab66",
                                                     "#f4d35e", "#7fb2ea", "#e2e5ec",
                                                     "#b79ce0", "#d98c8c", "#b9c2ce"};

std::string style(std::size_t part) {
  return "stroke=\"#445\" stroke-width=\"0.3\" fill=\"" + std::string(kColors[part]) + "\"";
}

// Of long ones no more than a tenth.
std::string milliseconds(double seconds) {
  const double value = 1e3 * seconds;
  return svg::number(value >= 100 ? std::round(10 * value) / 10 : value) + " ms";
}

struct Bar {
  std::string label;
  std::vector<Part> parts;

  double total() const {
    double sum = 0;
    for (const Part& part : parts) sum += part.value;
    return sum;
  }
};

std::string legend(const std::vector<Part>& parts) {
  std::string svg;
  double at = kLeft;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    svg += svg::box(at, 62, 13, 12, style(i)) + svg::text(at + 18, 72, "", parts[i].name);
    at += 34 + 6.8 * static_cast<double>(parts[i].name.size());
  }
  return svg;
}

std::string draw(const Bar& bar, double top, double pixels) {
  std::string svg;
  double at = kLeft;
  for (std::size_t i = 0; i < bar.parts.size(); ++i) {
    const Part& part = bar.parts[i];
    const double width = pixels * part.value;
    const double percent = 100 * part.value / bar.total();
    if (width > 0.2) {
      svg += svg::box(at, top, width, kBar, style(i),
                      std::string(part.name) + ": " + milliseconds(part.value) + ", " +
                          svg::number(percent) + " %");
    }
    if (width >= kLegible) {
      svg += svg::text(at + width / 2, top + 14, "text-anchor=\"middle\" font-size=\"10\"",
                       svg::number(std::round(percent)) + " %");
    }
    at += width;
  }
  return svg + svg::text(at + 6, top + 14, "", milliseconds(bar.total()));
}

std::string scale(double bottom, double longest) {
  std::string svg;
  for (double at = 0; at <= longest; at += svg::tick(longest)) {
    const double x = kLeft + kWidth * at / longest;
    svg += svg::line(x, bottom, x, bottom + 5, "stroke=\"#556\"");
    svg += svg::text(x, bottom + 19, "text-anchor=\"middle\"", svg::number(1e3 * at));
  }
  return svg + svg::text(kLeft + kWidth / 2, bottom + 38, "text-anchor=\"middle\" fill=\"#556\"",
                         "time (ms)");
}

std::string draw(const std::string& title, const std::string& subtitle,
                 const std::vector<Bar>& bars) {
  double longest = 0;
  for (const Bar& bar : bars) longest = std::max(longest, bar.total());
  const double bottom = kTop + kRow * static_cast<double>(bars.size());
  std::string svg = svg::begin(kLeft + kWidth + kRight, bottom + kBottom);
  svg += svg::text(24, 26, "font-size=\"16\" font-weight=\"bold\"", title);
  svg += svg::text(24, 45, "fill=\"#556\"", subtitle);
  if (!bars.empty()) svg += legend(bars.front().parts) + scale(bottom, longest);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double top = kTop + kRow * static_cast<double>(i);
    svg += svg::text(kLeft - 10, top + 14, "text-anchor=\"end\"", bars[i].label);
    svg += draw(bars[i], top, kWidth / longest);
  }
  return svg + "</svg>\n";
}

std::string of_model(const ModelShape& model, const MachineShape& machine) {
  return model.name + " on " + std::to_string(machine.ranks()) + " devices goes";
}

}  // namespace

std::string times_to_svg(const Problem& problem, const std::vector<Plan>& plans) {
  std::vector<Bar> bars;
  for (const Plan& plan : plans) bars.push_back({label(plan.layout), parts(plan.estimate.times)});
  return draw("Where a step of " + of_model(problem.model, problem.machine),
              "layouts are (DP, PP, TP, CP); communication is what computation does not hide",
              bars);
}

std::string times_to_svg(const InferenceProblem& problem, const std::vector<InferencePlan>& plans) {
  std::vector<Bar> bars;
  for (const InferencePlan& plan : plans) {
    bars.push_back({label(plan.layout) + " x " + std::to_string(plan.layout.micro_batch),
                    parts(plan.estimate.decode)});
  }
  return draw("Where the latency of a token of " + of_model(problem.model, problem.machine),
              "layouts are (DP, PP, TP, CP) x sequences of a replica", bars);
}

}  // namespace tutti::planner
