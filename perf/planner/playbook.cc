// The planner against layouts that others measured (layouts.h): fits its constants to half of them
// and says how well it tells the other half, and how good its choices would have been.
//
//   playbook LAYOUTS.csv [--as-it-is] [--json FILE] > table.md
//
// --as-it-is: with the constants of the presets, without fitting. Fails where a bar does not hold:
// of tokens a second a median error of 20 %, a regret of the choice of 10 % on average and 2 % at
// the median, of memory a median error of 15 %; all for at most 128 GPUs and TP of at most 8.
// perf/planner/run keeps the results.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "fitting.h"
#include "quality.h"

namespace {

using namespace playbook;

constexpr double kGiB = 1 << 30;

struct Settings {
  const char* layouts = nullptr;
  const char* json = nullptr;
  bool fits = true;
};

bool parse(int count, char** words, Settings& settings) {
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--as-it-is") == 0) {
      settings.fits = false;
    } else if (std::strcmp(words[i], "--json") == 0 && i + 1 < count) {
      settings.json = words[++i];
    } else if (words[i][0] != '-' && settings.layouts == nullptr) {
      settings.layouts = words[i];
    } else {
      return false;
    }
  }
  return settings.layouts != nullptr;
}

bool held_out(const Judged& one) { return one.row.in_bar() && !one.row.calibrates; }
bool in_bar(const Judged& one) { return one.row.in_bar(); }

// ---- the bars

struct Bar {
  const char* name;
  double most;
  double found;
};

std::vector<Bar> bars_of(const std::vector<Judged>& all) {
  const std::vector<Choice> chosen = choices(all, held_out);
  return {{"tokens a second, median error", 0.20, speed_errors(all, held_out).median},
          {"memory, median error", 0.15, memory_errors(all, held_out).median},
          {"regret of the choice, mean", 0.10, mean_regret(chosen)},
          {"regret of the choice, median", 0.02, median_regret(chosen)}};
}

void print_bars(const std::vector<Judged>& all) {
  std::printf("| held-out half, at most 128 GPUs and TP 8 | bar | found |\n| --- | --: | --: |\n");
  for (const Bar& bar : bars_of(all)) {
    std::printf("| %s | %.0f %% | %.1f %% |\n", bar.name, 100 * bar.most, 100 * bar.found);
  }
  const std::vector<Choice> chosen = choices(all, in_bar);
  std::printf(
      "\nAmong the layouts of both halves: regret %.1f %% on average, %.1f %% at the "
      "median.\n",
      100 * mean_regret(chosen), 100 * median_regret(chosen));
}

// What the choice would be if more, or less, of the memory had to stay free.
void print_headrooms(std::vector<Judged> all) {
  std::printf(
      "\n| headroom of memory | regret, mean | median | both halves, mean | median |\n"
      "| --: | --: | --: | --: | --: |\n");
  for (const double headroom : {0.05, 0.10, 0.12, 0.15}) {
    for (Judged& one : all) {
      const double used = one.estimate.memory.total() - one.estimate.memory.headroom;
      one.estimate.fits = used * (1 + headroom) <= one.row.problem.machine.memory;
    }
    const std::vector<Choice> half = choices(all, held_out);
    const std::vector<Choice> both = choices(all, in_bar);
    std::printf("| %.0f %% | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n", 100 * headroom,
                100 * mean_regret(half), 100 * median_regret(half), 100 * mean_regret(both),
                100 * median_regret(both));
  }
}

void print_constants(const Efficiency& efficiency) {
  std::printf("\n| constant | value | |\n| --- | --: | --- |\n");
  for (const Constant& constant : constants(efficiency)) {
    std::printf("| %s | %.4g | %s |\n", constant.name, constant.value,
                constant.fitted ? "fitted" : "measured, not fitted");
  }
}

// ---- where it is right and wrong

void print_errors(const char* name, const std::vector<Judged>& all, const Which& which) {
  const Errors speed = speed_errors(all, which);
  const Errors memory = memory_errors(all, which);
  if (speed.rows == 0) return;
  std::printf("| %s | %d | %.1f %% | %.2f | %.0f %% | %.1f %% | %.2f |\n", name, speed.rows,
              100 * speed.median, speed.bias, 100 * speed.within_20, 100 * memory.median,
              memory.bias);
}

void print_groups(const std::vector<Judged>& all) {
  std::printf(
      "\n| held-out rows | rows | median error | predicted by measured | within 20 %% | "
      "memory, median error | predicted by measured |\n"
      "| --- | --: | --: | --: | --: | --: | --: |\n");
  print_errors("all in the bar", all, held_out);
  print_errors("PP 1", all, [](const Judged& j) { return held_out(j) && j.row.layout.pp == 1; });
  print_errors("TP 1", all, [](const Judged& j) { return held_out(j) && j.row.layout.tp == 1; });
  print_errors("PP and TP, one node", all, [](const Judged& j) {
    return held_out(j) && j.row.layout.pp > 1 && j.row.layout.tp > 1 && j.row.ranks() <= 8;
  });
  print_errors("PP and TP, several nodes", all, [](const Judged& j) {
    return held_out(j) && j.row.layout.pp > 1 && j.row.layout.tp > 1 && j.row.ranks() > 8;
  });
  for (const int ranks : {8, 16, 32, 64, 128}) {
    print_errors((std::to_string(ranks) + " GPUs").c_str(), all,
                 [&](const Judged& j) { return held_out(j) && j.row.ranks() == ranks; });
  }
  print_errors("outside the bar: 256 GPUs", all,
               [](const Judged& j) { return j.row.ranks() == 256 && j.row.layout.tp <= 8; });
  print_errors("outside the bar: TP 16, 32", all,
               [](const Judged& j) { return j.row.layout.tp > 8; });
}

std::string text_of(const Judged& one) {
  const Layout& l = one.row.layout;
  return "dp " + std::to_string(l.dp) + " pp " + std::to_string(l.pp) + " tp " +
         std::to_string(l.tp) + " mb " + std::to_string(l.micro_batch) + " zero " +
         std::to_string(l.zero);
}

void print_choices(const std::vector<Judged>& all) {
  std::printf(
      "\n| model, GPUs | rows | best measured | tokens/s/GPU | chosen | tokens/s/GPU | "
      "regret | on the held-out half |\n"
      "| --- | --: | --- | --: | --- | --: | --: | --: |\n");
  const std::vector<Choice> half = choices(all, held_out);
  for (const Choice& choice : choices(all, in_bar)) {
    const auto same = [&](const Choice& other) { return other.group == choice.group; };
    const auto other = std::find_if(half.begin(), half.end(), same);
    std::printf("| %s | %d | %s | %.0f | %s | %.0f | %.1f %% |", choice.group.c_str(), choice.rows,
                text_of(*choice.best).c_str(), choice.best->row.tokens,
                choice.taken == nullptr ? "none fits" : text_of(*choice.taken).c_str(),
                choice.taken == nullptr ? 0 : choice.taken->row.tokens, 100 * choice.regret());
    if (other == half.end()) {
      std::printf(" |\n");
    } else {
      std::printf(" %.1f %% |\n", 100 * other->regret());
    }
  }
}

void print_worst(std::vector<Judged> all) {
  std::erase_if(all, [](const Judged& one) { return !held_out(one); });
  std::sort(all.begin(), all.end(), [](const Judged& a, const Judged& b) {
    return std::abs(std::log(a.ratio())) > std::abs(std::log(b.ratio()));
  });
  std::printf(
      "\n| model, GPUs | layout | measured | predicted | memory, GiB | predicted |\n"
      "| --- | --- | --: | --: | --: | --: |\n");
  for (std::size_t i = 0; i < std::min<std::size_t>(20, all.size()); ++i) {
    const Judged& one = all[i];
    std::printf("| %s | %s | %.0f | %.0f | %.1f | %.1f |\n", one.row.group().c_str(),
                text_of(one).c_str(), one.row.tokens, one.predicted(), one.row.memory / kGiB,
                one.memory_ratio() * one.row.memory / kGiB);
  }
}

bool write_json(const char* path, const std::vector<Judged>& all, const Efficiency& efficiency) {
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) return false;
  std::fprintf(file, "{\n \"bars\": {");
  const char* comma = "";
  for (const Bar& bar : bars_of(all)) {
    std::fprintf(file, "%s\"%s\": {\"bar\": %g, \"found\": %.4f}", comma, bar.name, bar.most,
                 bar.found);
    comma = ", ";
  }
  std::fprintf(file, "},\n \"constants\": {");
  comma = "";
  for (const Constant& constant : constants(efficiency)) {
    std::fprintf(file, "%s\"%s\": %g", comma, constant.name, constant.value);
    comma = ", ";
  }
  std::fprintf(file, "},\n \"rows\": [");
  comma = "";
  for (const Judged& one : all) {
    std::fprintf(
        file,
        "%s\n  {\"group\": \"%s\", \"layout\": \"%s\", \"calibrates\": %s, "
        "\"tokens\": %g, \"predicted\": %.1f, \"memory_gib\": %g, \"predicted_gib\": %.1f}",
        comma, one.row.group().c_str(), text_of(one).c_str(), one.row.calibrates ? "true" : "false",
        one.row.tokens, one.predicted(), one.row.memory / kGiB,
        one.memory_ratio() * one.row.memory / kGiB);
    comma = ",";
  }
  std::fprintf(file, "\n ]\n}\n");
  return std::fclose(file) == 0;
}

int report(const Settings& settings, const std::vector<MeasuredLayout>& rows) {
  const Efficiency efficiency = settings.fits ? fitted(rows) : Efficiency{};
  const std::vector<Judged> all = judged(rows, efficiency);
  print_bars(all);
  print_constants(efficiency);
  print_groups(all);
  std::printf("\n## Choices\n");
  print_choices(all);
  print_headrooms(all);
  std::printf("\n## The largest errors\n");
  print_worst(all);
  if (settings.json != nullptr && !write_json(settings.json, all, efficiency)) {
    std::fprintf(stderr, "%s: cannot be written\n", settings.json);
    return 1;
  }
  const std::vector<Bar> bars = bars_of(all);
  return std::all_of(bars.begin(), bars.end(), [](const Bar& b) { return b.found <= b.most; }) ? 0
                                                                                               : 1;
}

}  // namespace

int main(int count, char** words) {
  Settings settings;
  if (!parse(count, words, settings)) {
    std::fprintf(stderr, "usage: playbook LAYOUTS.csv [--as-it-is] [--json FILE]\n");
    return 2;
  }
  const std::vector<MeasuredLayout> rows = read_layouts(settings.layouts);
  if (rows.empty()) {
    std::fprintf(stderr, "%s: expected lines of layouts\n", settings.layouts);
    return 2;
  }
  return report(settings, rows);
}
