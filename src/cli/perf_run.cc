// Tested by cli_command_test.py.

#include "cli/perf_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/field.h"
#include "cli/measure.h"
#include "cli/placement.h"
#include "cli/reporter.h"
#include "tutti/algorithms.h"

namespace tutti::cli {
namespace {

// A mean of the first few ranks is none that the library has.
bool has(Collective collective, Reduction op, DataType type) {
  const bool scans = collective == Collective::kScan || collective == Collective::kExclusiveScan;
  return fits(op, type) && !(scans && op == Reduction::kAvg);
}

// The types to run a collective with, the reductions for each, the sizes for each.
std::vector<Problem> problems_of(const PerfOptions& options, Collective collective, int ranks) {
  std::vector<Problem> problems;
  for (const DataType type : options.types) {
    for (const Reduction op : options.ops) {
      if (has_reduction(collective) ? !has(collective, op, type) : op != options.ops.front())
        continue;
      for (const std::size_t bytes : sizes_of(options.sizes)) {
        const Problem problem{collective,   type,  has_reduction(collective) ? op : Reduction::kSum,
                              options.root, ranks, count_for(collective, type, ranks, bytes)};
        // Small sizes may round to the same.
        if (problems.empty() || problem != problems.back()) problems.push_back(problem);
      }
    }
  }
  if (collective == Collective::kBarrier) problems.resize(1);
  return problems;
}

class PerfRun {
 public:
  PerfRun(Session& session, const PerfOptions& options, const Options& library_options,
          VsLibrary* vs)
      : session_(session),
        options_(options),
        library_options_(library_options),
        vs_(vs),
        reporter_(options, session.rank() == 0, vs != nullptr ? vs->name() : "") {}

  int run() {
    if (const Status status = check_request(); !status.ok()) {
      reporter_.failure(status);
      return 2;
    }
    Status status = place();
    if (status.ok() && options_.on_gpus) status = session_.agree(open_gpu());
    for (int i = 0; status.ok() && (options_.cycles == 0 || i < options_.cycles); ++i) {
      for (const Collective collective : options_.collectives) {
        if (status.ok()) status = run_collective(collective);
      }
    }
    if (status.ok()) status = reporter_.conclude();
    if (!status.ok()) reporter_.failure(status);
    return status.ok() && reporter_.good() && comparable_ ? 0 : 1;
  }

 private:
  // The same on all ranks: depends on nothing but the request.
  Status check_request() {
    const int ranks = session_.ranks();
    if (options_.root >= ranks) {
      return {Code::kInvalidArgument,
              fmt::format("-r {}: expected a rank from 0 to {}", options_.root, ranks - 1)};
    }
    // Lists with collectives in them are for the library to judge.
    if (options_.algorithm.find_first_of(":,") != std::string::npos) return {};
    return check_algorithm();
  }

  Status check_algorithm() {
    if (options_.algorithm.empty()) return {};
    std::vector<std::string> known;
    for (const Collective collective : options_.collectives) {
      for (const std::string& name :
           algorithm_names(collective, session_.control().formation().host_of)) {
        if (name == options_.algorithm) return {};
        if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
      }
    }
    return {Code::kInvalidArgument, fmt::format("--algorithm {}: expected all, or one of {}",
                                                options_.algorithm, fmt::join(known, ", "))};
  }

  Status place() {
    auto places = place_ranks(session_, library_options_, options_.pin);
    if (!places.ok()) return places.status();
    places_ = std::move(*places);
    reporter_.preamble(places_);
    return {};
  }

  // Ranks of a host take its GPUs in turn, unless the environment says which.
  Status open_gpu() {
    const auto gpus = GpuBench::gpus();
    if (!gpus.ok()) return gpus.status();
    if (*gpus == 0) return {Code::kNotSupported, "--device cuda: this process sees no GPU"};
    if (library_options_.device < 0) {
      const std::vector<int> host_of = session_.control().formation().host_of;
      const auto self = host_of.begin() + session_.rank();
      library_options_.device = static_cast<int>(std::count(host_of.begin(), self, *self) % *gpus);
    }
    auto gpu = GpuBench::open(library_options_.device);
    if (!gpu.ok()) return gpu.status();
    gpu_ = std::move(*gpu);
    reporter_.note(
        fmt::format("{}{}, times of the device", gpu_->name(), options_.graph ? ", graphs" : ""));
    return {};
  }

  Status run_collective(Collective collective) {
    if (collective == Collective::kSendRecv && session_.ranks() < 2) {
      reporter_.note("send_recv: expected at least 2 ranks");
      return {};
    }
    const auto problems = problems_of(options_, collective, session_.ranks());
    std::size_t largest = 0;
    for (const Problem& problem : problems) largest = std::max(largest, size_in_bytes(problem));
    const FieldRequest request{session_, options_, library_options_,
                               vs_,      places_,  gpu_ ? &*gpu_ : nullptr};
    const auto field = Field::make(request, collective, largest);
    if (!field.ok()) return field.status();
    reporter_.titles(collective);
    Tables tables({});
    for (const Problem& problem : problems) {
      const Pattern pattern{problem.type, problem.op, problem.ranks, /*seed=*/1};
      if (tables.pattern() != pattern) tables = Tables(pattern);
      const Status status = run_problem((*field)->entrants(), problem, tables);
      if (!status.ok()) return status;
    }
    return {};
  }

  Status run_problem(const std::vector<Entrant>& entrants, const Problem& problem, Tables& tables) {
    const std::size_t ours = entrants.size() - (vs_ != nullptr ? 1 : 0);
    std::vector<Row> rows(ours, Row{problem, {}, {}});
    for (const Placement placement : {Placement::kOutOfPlace, Placement::kInPlace}) {
      const bool in_place = placement == Placement::kInPlace;
      if (in_place ? !options_.in_place || !has_in_place(problem.collective)
                   : !options_.out_of_place) {
        continue;
      }
      const std::string what =
          fmt::format("{}{} {} {}", name(problem.collective), in_place ? " in place" : "",
                      short_bytes(size_in_bytes(problem)), name(problem.type));
      auto findings = measure(session_, options_, {problem, placement, entrants}, tables,
                              [&](double share) { reporter_.progress(what, share); });
      if (!findings.ok()) return findings.status();
      for (std::size_t i = 0; i < ours; ++i) {
        (in_place ? rows[i].in_place : rows[i].out_of_place) = outcome_of(*findings, i, what);
      }
    }
    for (const Row& row : rows) {
      if (row.out_of_place || row.in_place) reporter_.row(row);
    }
    return {};
  }

  // One of our findings, with the other library's beside it.
  std::optional<Outcome> outcome_of(const std::vector<Finding>& findings, std::size_t index,
                                    const std::string& what) {
    const Finding& finding = findings[index];
    if (!finding.outcome) {
      reporter_.note(finding.why);
      return std::nullopt;
    }
    Outcome outcome = *finding.outcome;
    outcome.algorithm = finding.explanation.algorithm;
    outcome.transports = finding.explanation.transports;
    if (vs_ == nullptr || !findings.back().outcome) return outcome;
    const Outcome& other = *findings.back().outcome;
    if (other.errors.value_or(0) != 0) {
      comparable_ = false;
      reporter_.note(
          fmt::format("{}: {} answers {} wrong elements", what, vs_->name(), *other.errors));
    }
    outcome.vs = Versus{vs_->name(), other.time};
    return outcome;
  }

  Session& session_;
  const PerfOptions& options_;
  Options library_options_;
  std::optional<GpuBench> gpu_;
  VsLibrary* const vs_;
  Reporter reporter_;
  std::vector<RankPlace> places_;
  bool comparable_ = true;  // the other library's results were right
};

}  // namespace

int run_perf(Session& session, const PerfOptions& options, const Options& library_options,
             VsLibrary* vs) {
  return PerfRun(session, options, library_options, vs).run();
}

}  // namespace tutti::cli
