// Variables as set by Open MPI 4 and 5, Slurm's pmix plugin, and torchrun (PyTorch's
// docs/source/elastic/run.rst, "Environment variables"). Tested by launch_test.cc.

#include "bootstrap/launcher.h"

#include <charconv>

namespace tutti {
namespace {

constexpr int kMaxRanks = 1 << 22;

struct Range {
  int first = 0;
  int last = 0;
  std::string meaning;  // of the last value, for messages
};

Status bad_value(std::string_view name, const std::string& value, const std::string& expected) {
  return Status(Code::kInvalidArgument,
                std::string(name) + "='" + value + "' in the environment: expected " + expected);
}

// Reads variables and remembers the first that is wrong.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  int required(std::string_view name, const Range& range) {
    if (const std::optional<std::string> value = environment_(name)) {
      return parse(name, *value, range);
    }
    reject(Status(Code::kInvalidArgument,
                  std::string(name) + " is not set in the environment, but WORLD_SIZE is; by " +
                      "torchrun's convention RANK, MASTER_ADDR and MASTER_PORT are set as well"));
    return range.first;
  }

  /// -1 if it is not set.
  int optional(std::string_view name, const Range& range) {
    const std::optional<std::string> value = environment_(name);
    return value ? parse(name, *value, range) : -1;
  }

  std::string text(std::string_view name, const std::string& expected) {
    const std::string value = environment_(name).value_or("");
    if (value.empty()) reject(bad_value(name, value, expected));
    return value;
  }

  std::string optional_text(std::string_view name) { return environment_(name).value_or(""); }

  Result<LauncherFacts> unless_wrong(LauncherFacts facts) const {
    if (!status_.ok()) return status_;
    return facts;
  }

 private:
  void reject(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  int parse(std::string_view name, const std::string& value, const Range& range) {
    int number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error == std::errc() && stop == end && number >= range.first && number <= range.last) {
      return number;
    }
    reject(bad_value(name, value,
                     "a whole number from " + std::to_string(range.first) + " to " +
                         std::to_string(range.last) + range.meaning));
    return range.first;
  }

  const Environment& environment_;
  Status status_;
};

Range up_to(int ranks) { return {0, ranks - 1, " (one less than the number of ranks)"}; }

bool is_set(const Environment& environment, std::string_view name) {
  return environment(name).has_value();
}

Result<LauncherFacts> torchrun_facts(const Environment& environment) {
  Variables variables(environment);
  LauncherFacts facts;
  facts.kind = Launcher::kTorchrun;
  facts.ranks = variables.required("WORLD_SIZE", {1, kMaxRanks, ""});
  facts.rank = variables.required("RANK", up_to(facts.ranks));
  facts.local_ranks = variables.optional("LOCAL_WORLD_SIZE", {1, facts.ranks, " (WORLD_SIZE)"});
  facts.local_rank = variables.optional(
      "LOCAL_RANK", up_to(facts.local_ranks > 0 ? facts.local_ranks : facts.ranks));
  facts.master_host = variables.text("MASTER_ADDR", "the name or address of rank 0's host");
  facts.master_port = variables.required("MASTER_PORT", {1, 65534, ""});
  facts.agent_store = variables.optional_text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  facts.name_space = variables.optional_text("TORCHELASTIC_RUN_ID");
  return variables.unless_wrong(facts);
}

// The number of ranks only PMIx itself tells: ask(). The local rank it tells as well, unless the
// program has closed PMIx before, so that what Open MPI and Slurm set comes first.
Result<LauncherFacts> pmix_facts(const Environment& environment) {
  const Range any_rank = {0, kMaxRanks, ""};
  Variables variables(environment);
  LauncherFacts facts;
  facts.kind = Launcher::kPmix;
  facts.ranks = 0;
  facts.rank = variables.required("PMIX_RANK", any_rank);
  facts.name_space = variables.text("PMIX_NAMESPACE", "the job's name, since PMIX_RANK is set");
  facts.local_rank = variables.optional("OMPI_COMM_WORLD_LOCAL_RANK", any_rank);
  if (facts.local_rank < 0) facts.local_rank = variables.optional("SLURM_LOCALID", any_rank);
  facts.local_ranks = variables.optional("OMPI_COMM_WORLD_LOCAL_SIZE", {1, kMaxRanks, ""});
  return variables.unless_wrong(facts);
}

Status no_way_to_meet(const std::string& how, const std::string& instead) {
  return Status(Code::kNotSupported,
                how + ", which gives ranks no way to meet that Tutti knows: " + instead +
                    ", or make a unique id in one rank and pass it to the others yourself");
}

// Launchers that start several ranks, but not in a way of which we can make use.
Status check_other_launchers(const Environment& environment) {
  const std::optional<std::string> tasks = environment("SLURM_STEP_NUM_TASKS");
  if (tasks && *tasks != "1" && is_set(environment, "SLURM_PROCID")) {
    return no_way_to_meet("srun started this process without PMIx (SLURM_STEP_NUM_TASKS=" + *tasks +
                              ", PMIX_RANK is not set)",
                          "use 'srun --mpi=pmix' ('srun --mpi=list' shows whether there is it)");
  }
  const std::optional<std::string> size = environment("PMI_SIZE");
  if (size && *size != "1" && is_set(environment, "PMI_RANK")) {
    return no_way_to_meet("a launcher that speaks PMI started this process (PMI_SIZE=" + *size +
                              ", PMIX_RANK is not set; MPICH's mpiexec does so)",
                          "use Open MPI's mpirun or 'srun --mpi=pmix'");
  }
  return {};
}

}  // namespace

std::string_view name(Launcher launcher) {
  switch (launcher) {
    case Launcher::kNone:
      return "no launcher";
    case Launcher::kPmix:
      return "PMIx";
    case Launcher::kTorchrun:
      return "torchrun";
  }
  return "?";
}

// torchrun started by srun inherits PMIX_RANK, which is then the agent's, not the rank's; and
// scripts under mpirun set RANK and WORLD_SIZE for PyTorch. So: what torchrun itself sets, then
// PMIx, then the bare convention.
Result<LauncherFacts> detect_launcher(const Environment& environment) {
  if (is_set(environment, "TORCHELASTIC_RUN_ID") && is_set(environment, "WORLD_SIZE")) {
    return torchrun_facts(environment);
  }
  if (is_set(environment, "PMIX_RANK")) return pmix_facts(environment);
  if (is_set(environment, "WORLD_SIZE")) return torchrun_facts(environment);
  if (Status status = check_other_launchers(environment); !status.ok()) return status;
  return LauncherFacts{};
}

}  // namespace tutti
