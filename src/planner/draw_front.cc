// Fronts as SVG: a line of plans that no other beats in both of two things, and the best of the
// ranking. Labels that would lie on others are left out; every point says on a tooltip what it is.
//
// Tested by planner_draw_test.cc.

#include <algorithm>

#include "base/svg.h"
#include "tutti/planner_inference.h"

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

struct Dot {
  double x, y;
  std::string label, tooltip;

  bool operator==(const Dot&) const = default;
};

struct Scene {
  std::string title, subtitle, x_title, y_title;
  std::string limit_text = {};  // at `limit`, on x
  double limit = 0;
  std::vector<Dot> front = {};  // from left to right, upwards
  std::vector<Dot> best = {};   // the best first
};

class Front {
 public:
  explicit Front(const Scene& scene) : scene_(scene) {
    most_x_ = scene.limit;
    for (const std::vector<Dot>* const dots : {&scene.front, &scene.best}) {
      for (const Dot& dot : *dots) {
        most_x_ = std::max(most_x_, dot.x);
        most_y_ = std::max(most_y_, dot.y);
      }
    }
    most_x_ = most_x_ > 0 ? 1.05 * most_x_ : 1;
    most_y_ = most_y_ > 0 ? 1.12 * most_y_ : 1;
  }

  std::string draw() {
    std::string svg = svg::begin(kLeft + kWidth + kRight, kTop + kHeight + kBottom);
    svg += svg::text(kLeft, 26, "font-size=\"16\" font-weight=\"bold\"", scene_.title);
    svg += svg::text(kLeft, 45, "fill=\"#556\"", scene_.subtitle);
    svg += axes() + limit() + steps();
    for (const Dot& dot : scene_.front) svg += point(dot, "#2f6fb4", "#2f6fb4");
    for (const Dot& dot : scene_.best) {
      if (!is_on_front(dot)) svg += point(dot, "#fff", "#c26a1b");
    }
    if (!scene_.best.empty()) svg += label_of(scene_.best.front(), "font-weight=\"bold\"");
    for (auto dot = scene_.front.rbegin(); dot != scene_.front.rend(); ++dot) {
      svg += label_of(*dot, "");
    }
    for (const Dot& dot : scene_.best) svg += label_of(dot, "fill=\"#8a4a10\"");
    return svg + "</svg>\n";
  }

 private:
  double x(double value) const { return kLeft + kWidth * value / most_x_; }
  double y(double value) const { return kTop + kHeight * (1 - value / most_y_); }

  bool is_on_front(const Dot& dot) const {
    return std::find(scene_.front.begin(), scene_.front.end(), dot) != scene_.front.end();
  }

  std::string axes() const {
    std::string svg;
    for (double v = 0; v <= most_x_; v += svg::tick(most_x_)) {
      svg += svg::line(x(v), kTop, x(v), kTop + kHeight, "stroke=\"#e4e7ee\"");
      svg += svg::text(x(v), kTop + kHeight + 18, "text-anchor=\"middle\"", svg::number(v));
    }
    for (double v = 0; v <= most_y_; v += svg::tick(most_y_)) {
      svg += svg::line(kLeft, y(v), kLeft + kWidth, y(v), "stroke=\"#e4e7ee\"");
      svg += svg::text(kLeft - 8, y(v) + 4, "text-anchor=\"end\"", svg::number(v));
    }
    svg += svg::text(kLeft + kWidth / 2, kTop + kHeight + 40, "text-anchor=\"middle\"",
                     scene_.x_title);
    return svg + svg::text(-(kTop + kHeight / 2), 18,
                           "text-anchor=\"middle\" transform=\"rotate(-90)\"", scene_.y_title);
  }

  std::string limit() const {
    if (scene_.limit_text.empty()) return "";
    const double at = x(scene_.limit);
    return svg::line(at, kTop, at, kTop + kHeight, "stroke=\"#b33\" stroke-dasharray=\"5 4\"") +
           svg::text(at - 5, kTop + kHeight - 6, "text-anchor=\"end\" fill=\"#b33\"",
                     scene_.limit_text);
  }

  // From each to the next: with so much of x, this is what can be had of y.
  std::string steps() const {
    constexpr const char* kStyle = "stroke=\"#9dbfe2\" stroke-width=\"1.5\"";
    std::string svg;
    for (std::size_t i = 1; i < scene_.front.size(); ++i) {
      const Dot &from = scene_.front[i - 1], &to = scene_.front[i];
      svg += svg::line(x(from.x), y(from.y), x(to.x), y(from.y), kStyle);
      svg += svg::line(x(to.x), y(from.y), x(to.x), y(to.y), kStyle);
    }
    return svg;
  }

  std::string point(const Dot& dot, const char* fill, const char* stroke) {
    const double left = x(dot.x) - kPoint, top = y(dot.y) - kPoint;
    taken_.push_back({left, top, left + 2 * kPoint, top + 2 * kPoint});
    return svg::box(left, top, 2 * kPoint, 2 * kPoint,
                    "rx=\"4.5\" stroke-width=\"1.5\" fill=\"" + std::string(fill) + "\" stroke=\"" +
                        stroke + "\"",
                    dot.tooltip);
  }

  // Beside the point, where there is room.
  std::string label_of(const Dot& dot, const char* attributes) {
    if (std::find(labelled_.begin(), labelled_.end(), dot) != labelled_.end()) return "";
    const double width = kLetter * static_cast<double>(dot.label.size());
    const double px = x(dot.x), py = y(dot.y);
    for (const auto& [left, top] : {std::pair{px - width - 8, py - 16},
                                    {px + 8, py + 2},
                                    {px - width / 2, py - 22},
                                    {px + 8, py - 14},
                                    {px - width - 8, py + 4}}) {
      const Rectangle place{left, top, left + width, top + kLabelHeight};
      const auto meets = [&](const Rectangle& other) { return place.meets(other); };
      const bool inside = left >= kLeft && place.right <= kLeft + kWidth + kRight && top >= kTop &&
                          place.bottom <= kTop + kHeight;
      if (!inside || std::any_of(taken_.begin(), taken_.end(), meets)) continue;
      taken_.push_back(place);
      labelled_.push_back(dot);
      return svg::text(left, place.bottom - 3, "font-size=\"11\" " + std::string(attributes),
                       dot.label);
    }
    return "";
  }

  const Scene& scene_;
  double most_x_ = 0, most_y_ = 0;
  std::vector<Rectangle> taken_;
  std::vector<Dot> labelled_;
};

std::string title(const ModelShape& model, const MachineShape& machine) {
  return model.name + " on " + std::to_string(machine.ranks()) + " devices (" +
         std::to_string(machine.nodes) + " x " + machine.name + ")";
}

Dot dot_of(const Plan& plan) {
  const double percent = 100 * plan.estimate.mfu;
  const double gib = plan.estimate.memory.total() / kGiB;
  return {gib, percent, label(plan.layout),
          to_text(plan.layout) + ": " + svg::number(percent) + " %, " + svg::number(gib) + " GiB"};
}

Dot dot_of(const InferencePlan& plan) {
  const double rate = plan.estimate.tokens_per_second;
  const double milliseconds = 1e3 * plan.estimate.decode.total();
  const std::string in_hand = std::to_string(plan.layout.micro_batch);
  return {milliseconds, rate, label(plan.layout) + " x " + in_hand,
          label(plan.layout) + ", " + in_hand + " sequences: " + svg::number(rate) + " tokens/s, " +
              svg::number(milliseconds) + " ms a token"};
}

template <class Plans>
std::vector<Dot> dots_of(const Plans& plans) {
  std::vector<Dot> dots;
  for (const auto& plan : plans) dots.push_back(dot_of(plan));
  return dots;
}

}  // namespace

std::string front_to_svg(const Problem& problem, const Ranking& ranking) {
  const Scene scene{.title = title(problem.model, problem.machine),
                    .subtitle =
                        "points are (DP, PP, TP, CP); filled: no layout has more MFU for "
                        "less memory; hollow: others of the best",
                    .x_title = "memory of the fullest rank (GiB)",
                    .y_title = "MFU (%)",
                    .limit_text = "memory of a device",
                    .limit = problem.machine.memory / kGiB,
                    .front = dots_of(ranking.pareto),
                    .best = dots_of(ranking.best)};
  return Front(scene).draw();
}

std::string front_to_svg(const InferenceProblem& problem, const InferenceRanking& ranking) {
  const Scene scene{.title = title(problem.model, problem.machine),
                    .subtitle =
                        "points are (DP, PP, TP, CP) x sequences of a replica; filled: no "
                        "layout writes more at less latency",
                    .x_title = "latency of a token (ms)",
                    .y_title = "tokens of answers a second",
                    .front = dots_of(ranking.front),
                    .best = dots_of(ranking.best)};
  return Front(scene).draw();
}

}  // namespace tutti::planner
