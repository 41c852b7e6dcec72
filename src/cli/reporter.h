// What rank 0 tells, as it comes: the table and notes on standard output, or JSON at the end.

#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/perf_options.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "cli/table.h"
#include "tutti/status.h"

namespace tutti::cli {

/// On ranks that do not print, everything is counted and nothing printed.
class Reporter {
 public:
  Reporter(const PerfOptions& options, bool prints, const std::string& vs_library);

  void preamble(const std::vector<RankPlace>& ranks);
  void titles(Collective collective);
  void row(const Row& row);
  /// A line beginning with '#', once however often it is said.
  void note(const std::string& text);
  void failure(const Status& status);
  void progress(const std::string& what, double share) { progress_.show(what, share); }
  /// The footer, or the JSON document. kSystem when its file cannot be written.
  Status conclude();

  bool good() const;

 private:
  void print(const std::string& text);

  const PerfOptions& options_;
  const bool prints_;
  const std::string vs_library_;
  TableFormat format_;
  Progress progress_;
  std::vector<RankPlace> ranks_;
  std::vector<Row> rows_;
  std::set<std::string> notes_;
};

}  // namespace tutti::cli
