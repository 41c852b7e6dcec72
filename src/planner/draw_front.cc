// The front of MFU against memory as SVG: a line of plans that no other beats in both, the best of
// the ranking, and the memory that a device has. Labels that would lie on others are left out;
// every point says on a tooltip what it is.
//
// Tested by planner_draw_test.cc.

#include <algorithm>

#include "base/svg.h"
#include "tutti/planner_advice.h"

namespace tutti::planner {
namespace {

constexpr double kLeft = 70, kTop = 64, kWidth = 820, kHeight = 420, kBottom = 54, kRight = 24;
constexpr double kLetter = 6.3, kLabelHeight = 13, kPoint = 4.5;
constexpr double kGiB = 1 << 30;

struct Rectangle {
  double left, top, right, bottom;

  bool meets(const Rectangle& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

class Front {
 public:
  Front(const Problem& problem, const Ranking& ranking) : problem_(problem), ranking_(ranking) {
    for (const std::vector<Plan>* const plans : {&ranking.pareto, &ranking.best}) {
      for (const Plan& plan : *plans) {
        most_gib_ = std::max(most_gib_, gib(plan));
        most_mfu_ = std::max(most_mfu_, percent(plan));
      }
    }
    most_gib_ = 1.05 * std::max(most_gib_, problem.machine.memory / kGiB);
    most_mfu_ = std::max(1.0, 1.12 * most_mfu_);
  }

  std::string draw() {
    std::string svg = svg::begin(kLeft + kWidth + kRight, kTop + kHeight + kBottom);
    svg += svg::text(kLeft, 26, "font-size=\"16\" font-weight=\"bold\"", title());
    svg += svg::text(kLeft, 45, "fill=\"#556\"",
                     "points are (DP, PP, TP, CP); filled: no layout has more MFU for less memory; "
                     "hollow: others of the best");
    svg += axes() + limit() + steps();
    for (const Plan& plan : ranking_.pareto) svg += point(plan, "#2f6fb4", "#2f6fb4");
    for (const Plan& plan : ranking_.best) {
      if (!is_on_front(plan)) svg += point(plan, "#fff", "#c26a1b");
    }
    if (!ranking_.best.empty()) svg += label_of(ranking_.best.front(), "font-weight=\"bold\"");
    for (auto plan = ranking_.pareto.rbegin(); plan != ranking_.pareto.rend(); ++plan) {
      svg += label_of(*plan, "");
    }
    for (const Plan& plan : ranking_.best) svg += label_of(plan, "fill=\"#8a4a10\"");
    return svg + "</svg>\n";
  }

 private:
  static double gib(const Plan& plan) { return plan.estimate.memory.total() / kGiB; }
  static double percent(const Plan& plan) { return 100 * plan.estimate.mfu; }
  double x(double gib) const { return kLeft + kWidth * gib / most_gib_; }
  double y(double mfu) const { return kTop + kHeight * (1 - mfu / most_mfu_); }

  bool is_on_front(const Plan& plan) const {
    return std::find(ranking_.pareto.begin(), ranking_.pareto.end(), plan) != ranking_.pareto.end();
  }

  std::string title() const {
    const MachineShape& machine = problem_.machine;
    return problem_.model.name + " on " + std::to_string(machine.ranks()) + " devices (" +
           std::to_string(machine.nodes) + " x " + machine.name + ")";
  }

  std::string axes() const {
    std::string svg;
    for (double v = 0; v <= most_gib_; v += svg::tick(most_gib_)) {
      svg += svg::line(x(v), kTop, x(v), kTop + kHeight, "stroke=\"#e4e7ee\"");
      svg += svg::text(x(v), kTop + kHeight + 18, "text-anchor=\"middle\"", svg::number(v));
    }
    for (double v = 0; v <= most_mfu_; v += svg::tick(most_mfu_)) {
      svg += svg::line(kLeft, y(v), kLeft + kWidth, y(v), "stroke=\"#e4e7ee\"");
      svg += svg::text(kLeft - 8, y(v) + 4, "text-anchor=\"end\"", svg::number(v));
    }
    svg += svg::text(kLeft + kWidth / 2, kTop + kHeight + 40, "text-anchor=\"middle\"",
                     "memory of the fullest rank (GiB)");
    return svg + svg::text(-(kTop + kHeight / 2), 22,
                           "text-anchor=\"middle\" transform=\"rotate(-90)\"", "MFU (%)");
  }

  std::string limit() const {
    const double at = x(problem_.machine.memory / kGiB);
    return svg::line(at, kTop, at, kTop + kHeight, "stroke=\"#b33\" stroke-dasharray=\"5 4\"") +
           svg::text(at - 5, kTop + kHeight - 6, "text-anchor=\"end\" fill=\"#b33\"",
                     "memory of a device");
  }

  // From each to the next: with that much memory, this is what can be had.
  std::string steps() const {
    std::string svg;
    const std::vector<Plan>& front = ranking_.pareto;
    for (std::size_t i = 1; i < front.size(); ++i) {
      const double from = x(gib(front[i - 1])), to = x(gib(front[i]));
      const double low = y(percent(front[i - 1])), high = y(percent(front[i]));
      svg += svg::line(from, low, to, low, "stroke=\"#9dbfe2\" stroke-width=\"1.5\"");
      svg += svg::line(to, low, to, high, "stroke=\"#9dbfe2\" stroke-width=\"1.5\"");
    }
    return svg;
  }

  std::string point(const Plan& plan, const char* fill, const char* stroke) {
    const double left = x(gib(plan)) - kPoint, top = y(percent(plan)) - kPoint;
    taken_.push_back({left, top, left + 2 * kPoint, top + 2 * kPoint});
    return svg::box(left, top, 2 * kPoint, 2 * kPoint,
                    "rx=\"4.5\" stroke-width=\"1.5\" fill=\"" + std::string(fill) + "\" stroke=\"" +
                        stroke + "\"",
                    to_text(plan.layout) + ": " + svg::number(percent(plan)) + " %, " +
                        svg::number(gib(plan)) + " GiB");
  }

  // Beside the point, where there is room.
  std::string label_of(const Plan& plan, const char* attributes) {
    const std::string words = label(plan.layout);
    if (std::find(labelled_.begin(), labelled_.end(), plan) != labelled_.end()) return "";
    const double width = kLetter * static_cast<double>(words.size());
    const double px = x(gib(plan)), py = y(percent(plan));
    for (const auto& [left, top] : {std::pair{px - width - 8, py - 16},
                                    {px + 8, py + 2},
                                    {px - width / 2, py - 22},
                                    {px + 8, py - 14},
                                    {px - width - 8, py + 4}}) {
      const Rectangle place{left, top, left + width, top + kLabelHeight};
      const auto meets = [&](const Rectangle& other) { return place.meets(other); };
      const bool inside = left >= kLeft && place.right <= kLeft + kWidth + kRight && top >= kTop;
      if (!inside || std::any_of(taken_.begin(), taken_.end(), meets)) continue;
      taken_.push_back(place);
      labelled_.push_back(plan);
      return svg::text(left, place.bottom - 3, "font-size=\"11\" " + std::string(attributes),
                       words);
    }
    return "";
  }

  const Problem& problem_;
  const Ranking& ranking_;
  double most_gib_ = 0, most_mfu_ = 0;
  std::vector<Rectangle> taken_;
  std::vector<Plan> labelled_;
};

}  // namespace

std::string front_to_svg(const Problem& problem, const Ranking& ranking) {
  return Front(problem, ranking).draw();
}

}  // namespace tutti::planner
