// The run as a JSON document: {"tutti", "machine", "settings", "results": […]}.
//
// One result a placement, times in µs, bandwidths in GB/s as nccl-tests defines them:
//
//   {"collective", "algorithm", "transports", "ranks", "bytes", "count", "type", "op", "root",
//    "in_place", "time_us": {"min", "median", "max"}, "algbw", "busbw", "errors",
//    "vs": {"library", "time_us": {…}, "ratio"}}
//
// machine.hosts is how many hosts the ranks are on; ranks of one host have the same host_number.
// op is null for collectives that reduce nothing, root for those without one, errors when nothing
// was checked. vs is there only when asked for and possible.

#pragma once

#include <string>
#include <vector>

#include "cli/machine.h"
#include "cli/perf_options.h"
#include "cli/results.h"

namespace tutti::cli {

std::string report_json(const PerfOptions& options, const Machine& machine,
                        const std::vector<RankPlace>& ranks, const std::vector<Row>& rows,
                        const std::string& version);

}  // namespace tutti::cli
