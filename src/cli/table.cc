// Tested by cli_report_test.cc.

#include "cli/table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tutti::cli {
namespace {

// Digits after the point so that large figures stay narrow.
std::string format_figure(double value) {
  if (value < 100) return fmt::format("{:.2f}", value);
  if (value < 1000) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

std::string half_titles(const TableFormat& format) {
  std::string line;
  if (format.min_median_max) {
    line += fmt::format("  {:>7}  {:>7}  {:>7}", "min", "median", "max");
  } else {
    line += fmt::format("  {:>7}", "time");
  }
  line += fmt::format("  {:>6}  {:>6}  {:>6}", "algbw", "busbw", "#wrong");
  if (!format.vs.empty()) line += fmt::format("  {:>7}  {:>6}", format.vs, "ratio");
  return line;
}

std::string half_units(const TableFormat& format) {
  std::string line = fmt::format("  {:>7}", "(us)");
  if (format.min_median_max) line += fmt::format("  {:>7}  {:>7}", "(us)", "(us)");
  line += fmt::format("  {:>6}  {:>6}  {:>6}", "(GB/s)", "(GB/s)", "");
  if (!format.vs.empty()) line += fmt::format("  {:>7}  {:>6}", "(us)", "");
  return line;
}

std::string half_blank(const TableFormat& format) {
  std::string line = fmt::format("  {:>7}", "-");
  if (format.min_median_max) line += fmt::format("  {:>7}  {:>7}", "-", "-");
  line += fmt::format("  {:>6}  {:>6}  {:>6}", "-", "-", "N/A");
  if (!format.vs.empty()) line += fmt::format("  {:>7}  {:>6}", "-", "-");
  return line;
}

std::string half(const Row& row, const std::optional<Outcome>& outcome, const TableFormat& format) {
  if (!outcome) return half_blank(format);
  const Times& time = outcome->time;
  std::string line;
  if (format.min_median_max) line += fmt::format("  {:>7}", format_time(time.min));
  line += fmt::format("  {:>7}", format_time(time.median));
  if (format.min_median_max) line += fmt::format("  {:>7}", format_time(time.max));
  line += fmt::format("  {:>6}  {:>6}  {:>6}", format_figure(algbw(row.problem, time.median)),
                      format_figure(busbw(row.problem, time.median)),
                      outcome->errors ? fmt::format("{}", *outcome->errors) : "N/A");
  if (format.vs.empty()) return line;
  if (!outcome->vs) return line + fmt::format("  {:>7}  {:>6}", "-", "-");
  return line + fmt::format("  {:>7}  {:>6}", format_time(outcome->vs->time.median),
                            format_figure(outcome->ratio()));
}

std::string without_blanks_at_end(const std::string& line) {
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

std::string step_of(const SizeRange& sizes) {
  return sizes.factor > 1 ? fmt::format("{}(factor)", sizes.factor)
                          : fmt::format("{}(bytes)", sizes.step);
}

std::string rank_line(int rank, const RankPlace& place) {
  const std::string bound = place.cpu < 0 ? "not bound" : fmt::format("cpu {}", place.cpu);
  return fmt::format("#  Rank {:>3} Pid {:>7} on {} {}\n", rank, place.pid, place.host, bound);
}

}  // namespace

std::string table_preamble(const PerfOptions& options, const std::vector<RankPlace>& ranks,
                           const std::string& version, const std::string& vs_library) {
  std::string text = fmt::format("# tutti perf {}\n", version);
  text += fmt::format(
      "# nRanks {} ({}) minBytes {} maxBytes {} step: {} warmup iters: {} iters: {} agg iters: {} "
      "validation: {}\n",
      ranks.size(), options.threads > 0 ? "threads" : "processes", options.sizes.begin,
      options.sizes.end, step_of(options.sizes), options.warmup, options.iterations,
      options.aggregate, options.checks);
  text += fmt::format("# memory: {} time: median over iterations, {} over ranks\n",
                      name(options.memory), name(options.over_ranks));
  if (!vs_library.empty()) {
    text += fmt::format("# beside: {}, interleaved; ratio = its median / ours\n", vs_library);
  }
  const int hosts = host_count(ranks);
  text += hosts > 1 ? fmt::format("#\n# Using ranks on {} hosts\n", hosts) : "#\n# Using ranks\n";
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    text += rank_line(static_cast<int>(rank), ranks[rank]);
  }
  return text;
}

std::string table_titles(Collective collective, const TableFormat& format) {
  const std::string columns = half_titles(format);
  std::string halves;
  std::string titles;
  std::string units;
  for (const auto& [wanted, name] :
       {std::pair{format.out_of_place, "out-of-place"}, std::pair{format.in_place, "in-place"}}) {
    if (!wanted) continue;
    halves += fmt::format("  {:^{}}", name, columns.size() - 2);
    titles += columns;
    units += half_units(format);
  }
  std::string text = fmt::format("#\n# Collective test starting: {}\n", name(collective));
  text += without_blanks_at_end(fmt::format("#{:57}{}", "", halves)) + "\n";
  text += fmt::format("#{:>11}  {:>12}  {:>8}  {:>6}  {:>6}{}  algorithm\n", "size", "count",
                      "type", "redop", "root", titles);
  text += without_blanks_at_end(fmt::format("#{:>11}  {:>12}  {:>8}  {:>6}  {:>6}{}", "(B)",
                                            "(elements)", "", "", "", units)) +
          "\n";
  return text;
}

std::string table_row(const Row& row, const TableFormat& format) {
  const Problem& p = row.problem;
  const std::string_view op = has_reduction(p.collective) ? name(p.op) : "none";
  const int root = has_root(p.collective) ? p.root : -1;
  std::string line = fmt::format("{:>12}  {:>12}  {:>8}  {:>6}  {:>6}", size_in_bytes(p), p.count,
                                 name(p.type), op, root);
  if (format.out_of_place) line += half(row, row.out_of_place, format);
  if (format.in_place) line += half(row, row.in_place, format);
  return line + fmt::format("  {}", row.algorithms().empty() ? "-" : row.algorithms());
}

std::string table_footer(const Summary& summary) {
  std::string text = "#\n";
  text += fmt::format("# Algorithms          : {}\n", fmt::join(summary.algorithms, " "));
  text += fmt::format("# Transports          : {}\n", fmt::join(summary.transports, "; "));
  if (summary.checked) {
    text += fmt::format("# Out of bounds values : {} {}\n", summary.errors,
                        summary.errors == 0 ? "OK" : "FAILED");
  } else {
    text += "# Out of bounds values : N/A\n";
  }
  text += fmt::format("# Avg bus bandwidth    : {:.6g}\n#\n", summary.average_busbw);
  return text;
}

std::string format_time(double time_us) {
  if (time_us < 1000) return fmt::format("{:.2f}", time_us);
  if (time_us < 10'000) return fmt::format("{:.1f}", time_us);
  if (time_us < 1e7) return fmt::format("{:.0f}", time_us);
  return fmt::format("{:.2e}", time_us);
}

}  // namespace tutti::cli
