#include "cli/plan_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

namespace tutti::cli {
namespace {

constexpr double kBarWidth = 40;

double total(const std::vector<planner::Part>& parts) {
  double sum = 0;
  for (const planner::Part& part : parts) sum += part.value;
  return sum;
}

// The first of its name that no part before it has: C for compute, O for context.
char letter_of(const std::vector<planner::Part>& parts, std::size_t index) {
  std::string taken;
  for (std::size_t i = 0; i <= index; ++i) {
    for (const char c : parts[i].name) {
      const char letter = static_cast<char>(std::toupper(c));
      if (taken.find(letter) != std::string::npos) continue;
      taken += letter;
      break;
    }
  }
  return taken.back();
}

// Three digits.
std::string figure(double value) {
  return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

std::string runs_text(const planner::ModelShape& model) {
  std::array<int, 3> layers = {};
  for (const planner::LayerRun& run : model.runs) {
    layers[static_cast<std::size_t>(run.mixer)] += run.layers;
  }
  std::string text;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i] == 0) continue;
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", layers[i],
                        name(static_cast<planner::Mixer>(i)));
  }
  return text;
}

}  // namespace

std::string plan_seconds(double seconds) {
  if (seconds >= 1) return figure(seconds) + " s";
  return seconds >= 1e-3 ? figure(seconds * 1e3) + " ms" : figure(seconds * 1e6) + " us";
}

std::string plan_count(double count) {
  for (const auto& [unit, name] : {std::pair{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}}) {
    if (count >= unit) return figure(count / unit) + name;
  }
  return figure(count);
}

std::string plan_gib(double bytes) { return fmt::format("{:.1f} GiB", bytes / (1 << 30)); }

std::string plan_percent(double share) {
  const double percent = 100 * share;
  return fmt::format("{:.{}f} %", percent, percent != 0 && percent < 1 ? 1 : 0);
}

std::string plan_model_line(const planner::ModelShape& model) {
  return fmt::format("{}: {}parameters in {} layers of width {} ({})", model.name,
                     plan_count(static_cast<double>(parameters(model))) + " ", model.layers(),
                     model.width, runs_text(model));
}

std::string plan_figures(const planner::MachineShape& machine) {
  std::string text;
  for (const planner::Figure& figure : figures(machine)) {
    text += fmt::format("  {:<24}{:>9.6g} {:<8} {}\n", figure.name, figure.value, figure.unit,
                        figure.meaning);
  }
  return text;
}

std::string plan_bar(const std::vector<planner::Part>& parts, double longest) {
  const double all = total(parts);
  std::string bar;
  std::string words;
  double end = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    end += parts[i].value;
    const auto width = static_cast<std::size_t>(std::lround(kBarWidth * end / longest));
    if (width > bar.size()) bar.resize(width, letter_of(parts, i));
    if (parts[i].value < 0.005 * all) continue;
    words += fmt::format("{}{} {} {}", words.empty() ? "" : ", ", letter_of(parts, i),
                         parts[i].name, plan_percent(parts[i].value / all));
  }
  return fmt::format("{:<{}}  {}", bar, static_cast<int>(kBarWidth), words);
}

}  // namespace tutti::cli
