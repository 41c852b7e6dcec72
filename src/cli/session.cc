// Tested by cli_command_test.py.

#include "cli/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace tutti::cli {
namespace {

// A Status as it travels.
struct Verdict {
  Code code = Code::kOk;
  char message[500] = {};
};

// The ranks of a session meet anew.
Result<Communicator> introduce(Session& session, const Options& options) {
  std::unique_ptr<BootstrapRoot> root;  // until all have met
  UniqueId id;
  Status status;
  if (session.rank() == 0) {
    auto invitation = make_unique_id({.interface = options.interface});
    status = invitation.status();
    if (invitation.ok()) {
      id = invitation->id;
      root = std::move(invitation->root);
    }
  }
  if (status = session.agree(status); !status.ok()) return status;
  status = session.control().broadcast(id.bytes, id.bytes, 0);
  if (!status.ok()) return status;
  auto made = Communicator::create(id, session.rank(), session.ranks(), options);
  if (status = session.agree(made.status()); !status.ok()) return status;
  return made;
}

class ProcessSession final : public Session {
 public:
  explicit ProcessSession(Communicator control) : control_(std::move(control)) {}

  Communicator& control() override { return control_; }

  Result<Communicator> open(const Options& options) override { return introduce(*this, options); }

 private:
  Communicator control_;
};

class ThreadSession final : public Session {
 public:
  ThreadSession(ThreadGroup& group, Communicator control)
      : group_(group), control_(std::move(control)) {}

  Communicator& control() override { return control_; }

  Result<Communicator> open(const Options& options) override {
    if (options.device >= 0) return introduce(*this, options);
    return group_.open(rank(), opened_++, options);
  }

 private:
  ThreadGroup& group_;
  Communicator control_;
  std::size_t opened_ = 1;  // the first is control_
};

// MPI hands the id round: its launcher has no PMIx for Tutti to use.
Result<Communicator> introduce_by(VsLibrary& mpi, const Options& options) {
  UniqueId id;
  std::unique_ptr<BootstrapRoot> root;
  if (mpi.rank() == 0) {
    auto invitation = make_unique_id({.interface = options.interface});
    if (!invitation.ok()) return invitation.status();
    id = invitation->id;
    root = std::move(invitation->root);
  }
  if (const Status status = mpi.share(&id.bytes, sizeof id.bytes); !status.ok()) return status;
  auto made = Communicator::create(id, mpi.rank(), mpi.ranks(), options);
  if (made.ok()) {
    if (const Status status = made->barrier(); !status.ok()) return status;
  }
  return made;
}

}  // namespace

Status Session::agree(const Status& mine) {
  Verdict verdict{mine.code(), {}};
  std::strncpy(verdict.message, mine.message().c_str(), sizeof verdict.message - 1);
  const auto verdicts = all_gather(std::vector<Verdict>{verdict});
  if (!verdicts.ok()) return mine.ok() ? verdicts.status() : mine;
  for (std::size_t rank = 0; rank < verdicts->size(); ++rank) {
    const Verdict& other = (*verdicts)[rank];
    if (other.code == Code::kOk) continue;
    // Where all say the same, who said it does not matter.
    const bool same = std::all_of(verdicts->begin(), verdicts->end(), [&](const Verdict& v) {
      return std::strcmp(v.message, other.message) == 0;
    });
    return {other.code, same ? other.message : fmt::format("rank {}: {}", rank, other.message)};
  }
  return {};
}

Result<std::unique_ptr<Session>> start_process_session(const Options& options, VsLibrary* mpi) {
  auto control =
      mpi != nullptr ? introduce_by(*mpi, options) : Communicator::from_environment(options);
  if (!control.ok()) return control.status();
  return std::unique_ptr<Session>(std::make_unique<ProcessSession>(std::move(*control)));
}

Result<Communicator> ThreadGroup::open(int rank, std::size_t n, const Options& options) {
  if (rank == 0) {
    auto made = Communicator::threads(ranks_, options);
    const std::lock_guard lock(mutex_);
    made_.push_back(std::move(made));
    made_one_.notify_all();
  }
  std::unique_lock lock(mutex_);
  if (!made_one_.wait_for(lock, timeout_, [&] { return made_.size() > n; })) {
    return Status(Code::kTimeout,
                  fmt::format("rank {}: rank 0 made no communicator within {} s", rank,
                              std::chrono::duration<double>(timeout_).count()));
  }
  if (!made_[n].ok()) return made_[n].status();
  return std::move((*made_[n])[static_cast<std::size_t>(rank)]);
}

Result<std::unique_ptr<Session>> start_thread_session(ThreadGroup& group, int rank,
                                                      const Options& options) {
  auto control = group.open(rank, 0, options);
  if (!control.ok()) return control.status();
  return std::unique_ptr<Session>(std::make_unique<ThreadSession>(group, std::move(*control)));
}

}  // namespace tutti::cli
