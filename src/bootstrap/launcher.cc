// Variables as set by Open MPI 4 and 5, Slurm's pmix plugin, and torchrun (PyTorch's
// docs/source/elastic/run.rst, "Environment variables"). Tested by launch_test.cc.

#include "bootstrap/launcher.h"

#include <charconv>
#include <thread>

#include "bootstrap/handshake.h"
#include "bootstrap/pmix_session.h"
#include "bootstrap/root.h"
#include "bootstrap/sha256.h"
#include "bootstrap/tcp_bootstrap.h"
#include "bootstrap/tree.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Connected = Result<std::unique_ptr<Bootstrap>>;

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

// ---- PMIx ----

Result<LauncherFacts> ask(PmixSession& session, LauncherFacts facts, Deadline deadline) {
  facts.rank = session.rank();
  const Result<int> ranks = session.number("pmix.job.size", /*mine=*/false, deadline);
  if (!ranks.ok()) return ranks.status();
  facts.ranks = *ranks;
  const auto fill = [&](int& number, const char* key, bool mine) {
    if (number >= 0) return;
    const Result<int> answer = session.number(key, mine, deadline);
    if (answer.ok()) number = *answer;
  };
  fill(facts.local_rank, "pmix.lrank", /*mine=*/true);
  fill(facts.local_ranks, "pmix.local.size", /*mine=*/false);
  return facts;
}

// Every start of a job has a key of its own: what was published once may stay in the caches of
// other hosts' servers for ever.
std::string key_of(int start) { return "tutti.id." + std::to_string(start); }

Connected host_through_pmix(PmixSession& session, const LauncherFacts& facts, Deadline deadline,
                            const BootstrapOptions& options) {
  Result<Invitation> invitation = make_unique_id(options);
  if (!invitation.ok()) return invitation.status();
  int start = 0;
  while (session.has_published(key_of(start), deadline)) ++start;
  if (Status s = session.publish(key_of(start), invitation->id.to_string()); !s.ok()) return s;
  return connect_bootstrap(invitation->id, facts.rank, facts.ranks, deadline, options);
}

// OK if someone meets there.
Status try_id(const std::string& text, std::optional<UniqueId>& id, Deadline deadline) {
  const Result<UniqueId> parsed = UniqueId::parse(text);
  if (!parsed.ok()) return parsed.status();
  const Meeting meeting = *decode(*parsed);
  const Status trial = enter(meeting.root, meeting, /*retry_refusals=*/false, deadline).status();
  if (trial.ok()) id = *parsed;
  return trial;
}

// The id that rank 0 has published for this start. At those of earlier starts nobody listens any
// more, which tells them apart. No fence: it could not say who is missing.
Result<UniqueId> find_id(PmixSession& session, Deadline deadline) {
  constexpr milliseconds kPause(20);
  Status last;
  std::optional<UniqueId> id;
  for (int start = 0; !id && steady_clock::now() + kPause < deadline;) {
    const Result<std::string> text = session.look_up(/*rank=*/0, key_of(start), deadline);
    last = text.ok() ? try_id(*text, id, deadline) : text.status();
    if (text.ok()) {
      ++start;
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
  if (id) return *id;
  return Status(
      Code::kTimeout,
      "rank 0 has not come: where it listens could not be learned through PMIx in time (" +
          last.message() + ")");
}

Result<Launched> connect_through_pmix(const LauncherFacts& known, Deadline deadline,
                                      const BootstrapOptions& options) {
  Result<std::unique_ptr<PmixSession>> session = PmixSession::open();
  if (!session.ok()) return session.status();
  Result<LauncherFacts> facts = ask(**session, known, deadline);
  if (!facts.ok()) return facts.status();
  Connected bootstrap = std::unique_ptr<Bootstrap>();
  if (facts->rank == 0) {
    bootstrap = host_through_pmix(**session, *facts, deadline, options);
  } else {
    const Result<UniqueId> id = find_id(**session, deadline);
    if (!id.ok()) return id.status();
    bootstrap = connect_bootstrap(*id, facts->rank, facts->ranks, deadline, options);
  }
  if (!bootstrap.ok()) return bootstrap.status();
  return Launched{*facts, std::move(*bootstrap)};
}

// ---- torchrun ----

std::string derived(std::string_view what, const LauncherFacts& facts, std::size_t bytes) {
  Writer writer;
  writer.text(what).text(facts.name_space).text(facts.master_host);
  writer.u32(static_cast<std::uint32_t>(facts.master_port));
  return std::string(as_text(sha256(writer.bytes())).substr(0, bytes));
}

Connected connect_through_master(const LauncherFacts& facts, Deadline deadline,
                                 BootstrapOptions options) {
  Meeting meeting;
  meeting.job = derived("tutti job", facts, kJobBytes);
  meeting.secret = derived("tutti secret", facts, kSecretBytes);
  meeting.already_open = false;
  meeting.keeper = "rank 0";
  options.port = facts.master_port + (facts.agent_store ? 1 : 0);
  std::unique_ptr<BootstrapRoot> root;  // until all have met
  if (facts.rank == 0) {
    Result<std::unique_ptr<BootstrapRoot>> opened = open_root(meeting, options);
    if (!opened.ok()) {
      return Status(
          opened.status().code(),
          "rank 0 must listen on MASTER_PORT" +
              std::string(facts.agent_store ? " + 1 (torchrun's store has the first)" : "") +
              ", and cannot: " + opened.status().message());
    }
    root = std::move(*opened);
  } else {
    const Result<std::vector<Address>> addresses = resolve(facts.master_host);
    if (!addresses.ok()) return addresses.status();
    meeting.root = {*addresses, static_cast<std::uint16_t>(options.port)};
  }
  return connect_bootstrap(meeting, facts.rank, facts.ranks, deadline, options);
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

Result<Launched> connect_launched(const LauncherFacts& facts, Deadline deadline,
                                  const BootstrapOptions& options) {
  switch (facts.kind) {
    case Launcher::kNone:
      return Launched{facts, make_tree_bootstrap(0, 1, std::nullopt, {})};
    case Launcher::kPmix:
      return connect_through_pmix(facts, deadline, options);
    case Launcher::kTorchrun: {
      Connected bootstrap = connect_through_master(facts, deadline, options);
      if (!bootstrap.ok()) return bootstrap.status();
      return Launched{facts, std::move(*bootstrap)};
    }
  }
  return Status(Code::kInvalidArgument, "unknown launcher");
}

}  // namespace tutti
