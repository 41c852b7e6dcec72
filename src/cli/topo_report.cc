// Tested by cli_topo_test.cc.

#include "cli/topo_report.h"

#include <fmt/format.h>

#include "cli/simulated.h"
#include "cli/topo_matrix.h"

namespace tutti::cli {
namespace {

std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += fmt::format("note: {}\n", note);
  return text;
}

}  // namespace

std::string topo_text(const TopologyReport& report, MatrixSize size) {
  const std::string sections[] = {
      to_text(report.topology),
      paths_text(report.topology, size),
      to_text(find_ways(report.topology)),
      choices_text(report.topology),
      notes_text(report.notes),
  };
  std::string text;
  for (const std::string& section : sections) {
    if (!section.empty()) text += (text.empty() ? "" : "\n") + section;
  }
  return text;
}

}  // namespace tutti::cli
