// The table of nccl-tests, as text: header lines that begin with '#', a line per size, a footer.
//
// The columns of nccl-tests come first and as there, so that scripts which read them work; times
// are medians. Columns of our own follow inside each half (minimum and maximum, the other library)
// and at the end of a line (the algorithm).

#pragma once

#include <string>
#include <vector>

#include "cli/perf_options.h"
#include "cli/results.h"

namespace tutti::cli {

struct TableFormat {
  bool out_of_place = true;
  bool in_place = true;
  bool min_median_max = false;
  std::string vs;  // the other library's short name, or ""
};

/// What is run: settings and ranks.
std::string table_preamble(const PerfOptions& options, const std::vector<RankPlace>& ranks,
                           const std::string& version, const std::string& vs_library);

/// The title lines, for one collective.
std::string table_titles(Collective collective, const TableFormat& format);

std::string table_row(const Row& row, const TableFormat& format);

std::string table_footer(const Summary& summary);

/// At most seven characters: "0.24", "1234.5", "1234567".
std::string format_time(double time_us);

}  // namespace tutti::cli
