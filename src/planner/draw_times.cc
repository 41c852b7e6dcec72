// Where the time of a step goes, a bar a plan, as SVG. Tested by planner_draw_test.cc.

#include <algorithm>
#include <array>

#include "base/svg.h"
#include "tutti/planner_advice.h"

namespace tutti::planner {
namespace {

constexpr double kLeft = 170, kTop = 84, kWidth = 720, kRow = 30, kBar = 20, kBottom = 50;
constexpr double kRight = 90, kLegible = 30;

// In the order of parts().
constexpr std::array<std::string_view, 9> kColors = {"#86cfa5", "#c4e3a5", "#f2ab66",
                                                     "#f4d35e", "#7fb2ea", "#e2e5ec",
                                                     "#b79ce0", "#d98c8c", "#b9c2ce"};

std::string style(std::size_t part) {
  return "stroke=\"#445\" stroke-width=\"0.3\" fill=\"" + std::string(kColors[part]) + "\"";
}

std::string legend() {
  std::string svg;
  double at = kLeft;
  const std::vector<Part> all = parts(Times{});
  for (std::size_t i = 0; i < all.size(); ++i) {
    svg += svg::box(at, 54, 13, 12, style(i)) + svg::text(at + 18, 64, "", all[i].name);
    at += 34 + 6.8 * static_cast<double>(all[i].name.size());
  }
  return svg;
}

std::string bar(const Plan& plan, double top, double pixels) {
  std::string svg;
  double at = kLeft;
  const std::vector<Part> all = parts(plan.estimate.times);
  const double step = plan.estimate.times.step();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double width = pixels * all[i].value;
    const std::string share = svg::number(100 * all[i].value / step) + " %";
    if (width > 0.2) {
      svg += svg::box(
          at, top, width, kBar, style(i),
          std::string(all[i].name) + ": " + svg::number(1e3 * all[i].value) + " ms, " + share);
    }
    const std::string whole = std::to_string(static_cast<int>(100 * all[i].value / step + 0.5));
    if (width >= kLegible) {
      svg += svg::text(at + width / 2, top + 14, "text-anchor=\"middle\" font-size=\"10\"",
                       whole + " %");
    }
    at += width;
  }
  return svg + svg::text(at + 6, top + 14, "", svg::number(1e3 * step) + " ms");
}

}  // namespace

std::string times_to_svg(const Problem& problem, const std::vector<Plan>& plans) {
  double longest = 0;
  for (const Plan& plan : plans) longest = std::max(longest, plan.estimate.times.step());
  const double bottom = kTop + kRow * static_cast<double>(plans.size());
  std::string svg = svg::begin(kLeft + kWidth + kRight, bottom + kBottom);
  svg += svg::text(24, 26, "font-size=\"16\" font-weight=\"bold\"",
                   "Where a step of " + problem.model.name + " on " +
                       std::to_string(problem.machine.ranks()) + " devices goes");
  svg += svg::text(24, 45, "fill=\"#556\"",
                   "layouts are (DP, PP, TP, CP); communication is what computation does not hide");
  svg += legend();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const double top = kTop + kRow * static_cast<double>(i);
    svg += svg::text(kLeft - 10, top + 14, "text-anchor=\"end\"", label(plans[i].layout));
    svg += bar(plans[i], top, kWidth / longest);
  }
  for (double at = 0; at <= longest; at += svg::tick(longest)) {
    const double x = kLeft + kWidth * at / longest;
    svg += svg::line(x, bottom, x, bottom + 5, "stroke=\"#556\"");
    svg += svg::text(x, bottom + 19, "text-anchor=\"middle\"", svg::number(1e3 * at));
  }
  svg += svg::text(kLeft + kWidth / 2, bottom + 38, "text-anchor=\"middle\" fill=\"#556\"",
                   "time (ms)");
  return svg + "</svg>\n";
}

}  // namespace tutti::planner
