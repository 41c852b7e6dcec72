// Tested by cli_command_test.py.

#include "cli/reporter.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fstream>

#include "cli/report_json.h"

namespace tutti::cli {

Reporter::Reporter(const PerfOptions& options, bool prints, const std::string& vs_library)
    : options_(options),
      prints_(prints),
      vs_library_(vs_library),
      format_{options.out_of_place, options.in_place, options.min_median_max,
              options.vs_mpi ? "mpi" : ""},
      progress_(prints) {}

void Reporter::preamble(const std::vector<RankPlace>& ranks) {
  ranks_ = ranks;
  print(table_preamble(options_, ranks, TUTTI_VERSION, vs_library_));
}

void Reporter::titles(Collective collective) { print(table_titles(collective, format_)); }

void Reporter::row(const Row& row) {
  rows_.push_back(row);
  const std::string time =
      options_.timestamps ? fmt::format("  {:%F %T}", fmt::localtime(std::time(nullptr))) : "";
  print(table_row(row, format_) + time + "\n");
}

void Reporter::note(const std::string& text) {
  if (notes_.insert(text).second) print("# " + text + "\n");
}

void Reporter::failure(const Status& status) {
  progress_.clear();
  if (prints_) fmt::print(stderr, "tutti perf: {}\n", status.message());
}

Status Reporter::conclude() {
  print(table_footer(summarize(rows_)));
  if (!prints_ || (!options_.json && options_.json_file.empty())) return {};
  const std::string document =
      report_json(options_, this_machine(), ranks_, rows_, TUTTI_VERSION) + "\n";
  if (options_.json) fmt::print("{}", document);
  if (options_.json_file.empty()) return {};
  std::ofstream file(options_.json_file);
  file << document;
  file.close();
  if (file) return {};
  return {Code::kSystem, fmt::format("-J {}: cannot be written", options_.json_file)};
}

bool Reporter::good() const { return !rows_.empty() && summarize(rows_).errors == 0; }

void Reporter::print(const std::string& text) {
  progress_.clear();
  if (!prints_ || options_.json) return;
  fmt::print("{}", text);
  std::fflush(stdout);
}

}  // namespace tutti::cli
