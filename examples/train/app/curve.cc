#include "train/app/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tutti::train {
namespace {

// Of the picture, and of the field inside the axes.
constexpr double kWidth = 800, kHeight = 450;
constexpr double kLeft = 70, kRight = 770, kTop = 50, kBottom = 395;

constexpr const char* kTrainingColour = "#1f5fa8";
constexpr const char* kValidationColour = "#c2410c";

struct Axis {
  double from = 0;
  double to = 1;
  double tick = 1;
};

// 1, 2 or 5 times a power of ten, so that there are four to ten ticks.
double tick_of(double length) {
  const double power = std::pow(10, std::floor(std::log10(length / 4)));
  for (const double factor : {5.0, 2.0}) {
    if (length / (factor * power) >= 4) return factor * power;
  }
  return power;
}

Axis axis_of(double least, double most) {
  if (!(most > least)) {
    least -= 0.5;
    most += 0.5;
  }
  const double tick = tick_of(most - least);
  return {std::floor(least / tick) * tick, std::ceil(most / tick) * tick, tick};
}

struct Frame {
  Axis steps, losses;

  double x(double step) const {
    return kLeft + (kRight - kLeft) * (step - steps.from) / (steps.to - steps.from);
  }
  double y(double loss) const {
    return kBottom - (kBottom - kTop) * (loss - losses.from) / (losses.to - losses.from);
  }
};

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string label(double x, double y, const char* anchor, const std::string& text,
                  const char* colour = "#333") {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" fill="{}">{}</text>)"
                     "\n",
                     x, y, anchor, colour, escaped(text));
}

std::string grid(const Frame& frame) {
  std::string svg;
  const auto line = [&](double x1, double y1, double x2, double y2) {
    svg += fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#ddd"/>)"
                       "\n",
                       x1, y1, x2, y2);
  };
  const Axis& losses = frame.losses;
  for (double at = losses.from; at <= losses.to + losses.tick / 2; at += losses.tick) {
    line(kLeft, frame.y(at), kRight, frame.y(at));
    svg += label(kLeft - 8, frame.y(at) + 5, "end", fmt::format("{:.4g}", at));
  }
  const Axis& steps = frame.steps;
  for (double at = steps.from; at <= steps.to + steps.tick / 2; at += steps.tick) {
    line(frame.x(at), kTop, frame.x(at), kBottom);
    svg += label(frame.x(at), kBottom + 20, "middle", fmt::format("{:.4g}", at));
  }
  return svg;
}

std::string line_of(const Frame& frame, const std::vector<CurvePoint>& points, const char* colour,
                    bool dots) {
  std::string path, circles;
  for (const CurvePoint& point : points) {
    const double x = frame.x(point.step), y = frame.y(point.loss);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x, y);
    if (dots)
      circles += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="{}"/>)", x, y, colour);
  }
  return fmt::format(R"(<path d="{}" fill="none" stroke="{}" stroke-width="2"/>{})"
                     "\n",
                     path, colour, circles);
}

std::vector<CurvePoint> finite(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> kept;
  std::copy_if(points.begin(), points.end(), std::back_inserter(kept),
               [](const CurvePoint& point) { return std::isfinite(point.loss); });
  return kept;
}

Frame frame_of(const std::vector<CurvePoint>& points) {
  const auto by_step = [](auto& a, auto& b) { return a.step < b.step; };
  const auto by_loss = [](auto& a, auto& b) { return a.loss < b.loss; };
  const auto [first, last] = std::minmax_element(points.begin(), points.end(), by_step);
  const auto [least, most] = std::minmax_element(points.begin(), points.end(), by_loss);
  return {axis_of(std::min(first->step, last->step - 1), last->step),
          axis_of(least->loss, most->loss)};
}

}  // namespace

std::string draw_curve(const std::string& title, const std::vector<CurvePoint>& training,
                       const std::vector<CurvePoint>& validation) {
  const std::vector<CurvePoint> seen = finite(training);
  const std::vector<CurvePoint> unseen = finite(validation);
  std::string svg = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}")"
      R"( font-family="DejaVu Sans, sans-serif" font-size="13">)"
      "\n"
      R"(<rect width="100%" height="100%" fill="white"/>)"
      "\n",
      kWidth, kHeight);
  svg += label(kLeft, 28, "start", title);
  std::vector<CurvePoint> all = seen;
  all.insert(all.end(), unseen.begin(), unseen.end());
  if (all.empty()) return svg + label(kLeft, kTop, "start", "no steps") + "</svg>\n";
  const Frame frame = frame_of(all);
  svg += grid(frame);
  svg += label((kLeft + kRight) / 2, kHeight - 14, "middle", "step");
  svg += fmt::format(R"svg(<text transform="translate(20 {}) rotate(-90)" text-anchor="middle")svg"
                     R"( fill="#333">loss, nats a token</text>)"
                     "\n",
                     (kTop + kBottom) / 2);
  if (!seen.empty()) svg += line_of(frame, seen, kTrainingColour, seen.size() == 1);
  if (!unseen.empty()) svg += line_of(frame, unseen, kValidationColour, /*dots=*/true);
  const auto last = [&](const std::vector<CurvePoint>& points, const char* name, double y,
                        const char* colour) {
    if (points.empty()) return;
    svg += label(kRight - 10, y, "end",
                 fmt::format("{}: {:.4f} at the end", name, points.back().loss), colour);
  };
  last(seen, "training", kTop + 20, kTrainingColour);
  last(unseen, "validation", kTop + 40, kValidationColour);
  return svg + "</svg>\n";
}

}  // namespace tutti::train
