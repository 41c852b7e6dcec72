// How ranks meet once it is known what started them: through PMIx, or at torchrun's MASTER_ADDR.
// Tested by launch_test.cc.

#include <algorithm>
#include <optional>
#include <thread>

#include "bootstrap/handshake.h"
#include "bootstrap/launcher.h"
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
