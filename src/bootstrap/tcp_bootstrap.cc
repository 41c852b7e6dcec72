// Tested by bootstrap_test.cc.

#include "bootstrap/tcp_bootstrap.h"

#include <poll.h>

#include <algorithm>
#include <optional>

#include "bootstrap/door.h"
#include "bootstrap/introductions.h"
#include "bootstrap/link.h"
#include "bootstrap/tree.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFarewell(500);

// The root must answer before this rank's own deadline, to say who is missing.
milliseconds patience(Deadline deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
  return std::max(milliseconds(0), left - std::min(left / 10, milliseconds(1000)));
}

Status cannot_meet(int rank, const Meeting& meeting, const Status& why) {
  std::string meaning = meeting.keeper + " has not answered in time";
  if (why.code() == Code::kInvalidArgument) meaning = "its unique id is of another start";
  if (why.code() == Code::kPeerLost) {
    meaning = meeting.keeper + " has ended, or all ranks have met without it";
  }
  return Status(why.code(), "rank " + std::to_string(rank) + " cannot meet the others: " + meaning +
                                " (" + why.message() + ")");
}

// A rank on its way to its place in the tree.
class Newcomer {
 public:
  Newcomer(const Meeting& meeting, int rank, int ranks, Deadline deadline,
           const BootstrapOptions& options)
      : meeting_(meeting), rank_(rank), ranks_(ranks), deadline_(deadline), options_(options) {
    if (rank >= 0 && rank < ranks) awaited_ = tree_children(rank, ranks);
  }

  Result<std::unique_ptr<Bootstrap>> connect();

 private:
  Status open_door();
  Status go_to_root();
  Status take_place();
  Status connect_parent(const TreePlace& place);
  Status accept_children();
  Status hear_children();
  Status hear_root();
  Status agree();
  Status tell_root(Status why);

  const Meeting& meeting_;
  int rank_;
  int ranks_;
  Deadline deadline_;
  const BootstrapOptions& options_;
  Identity self_ = this_process();
  std::vector<int> awaited_;  // children that have not come
  std::optional<Door> door_;  // only for a rank with children
  std::optional<Link> root_;
  std::optional<Link> parent_;
  std::vector<Link> callers_;  // let in; they have not said yet who they are
  std::vector<Child> children_;
};

Status Newcomer::open_door() {
  if (awaited_.empty()) return {};
  Result<Door> door = Door::open(meeting_, options_.interface, /*port=*/0);
  if (!door.ok()) return door.status();
  door_.emplace(std::move(*door));
  return {};
}

Status Newcomer::go_to_root() {
  Result<Fd> fd = enter(meeting_.root, meeting_, !meeting_.already_open, deadline_);
  if (fd.ok()) {
    root_.emplace(std::move(*fd), "the root at " + meeting_.root.to_string());
    const Endpoint door = door_ ? door_->endpoint() : Endpoint{};
    const Hello hello = {rank_, ranks_, patience(deadline_), self_, door};
    root_->send(FrameKind::kHello, encode(hello));
    return root_->write_all(deadline_);
  }
  return cannot_meet(rank_, meeting_, fd.status());
}

Status Newcomer::take_place() {
  Result<std::string> body = await_frame(*root_, FrameKind::kPlace, deadline_);
  if (!body.ok()) return body.status();
  const std::optional<TreePlace> place = decode_place(*body);
  if (!place) return Status(Code::kSystem, root_->peer() + " sent a place that is garbled");
  return rank_ == 0 ? Status() : connect_parent(*place);
}

Status Newcomer::connect_parent(const TreePlace& place) {
  const std::string name = describe(place.parent, place.who);
  Result<Fd> fd = enter(place.door, meeting_, /*retry_refusals=*/false, deadline_);
  if (!fd.ok()) {
    return Status(fd.status().code(), describe(rank_, self_) + " cannot reach " + name + " (" +
                                          fd.status().message() + ")");
  }
  parent_.emplace(std::move(*fd), name);
  parent_->send(FrameKind::kJoin, encode(Join{rank_, self_}));
  return parent_->write_all(deadline_);
}

// Those who were let in say which child they are.
Status Newcomer::hear_children() {
  for (Link& caller : callers_) {
    Result<std::optional<Frame>> frame = caller.read_frame();
    // Who is gone comes again, or the root finds that it is missing.
    if (!frame.ok()) caller = Link(Fd(), "");
    if (!frame.ok() || !frame->has_value()) continue;
    const std::optional<Join> join = decode_join((*frame)->body);
    const auto expected =
        join ? std::find(awaited_.begin(), awaited_.end(), join->rank) : awaited_.end();
    if (expected == awaited_.end()) {
      return Status(Code::kMismatch,
                    "a rank came to rank " + std::to_string(rank_) + " that does not belong there");
    }
    awaited_.erase(expected);
    caller.rename(describe(join->rank, join->who));
    children_.push_back({join->rank, std::move(caller)});
  }
  std::erase_if(callers_, [](const Link& caller) { return caller.fd() < 0; });
  return {};
}

// While a rank waits for its children, the root says nothing, unless the start has failed.
Status Newcomer::hear_root() {
  Result<std::optional<Frame>> frame = root_->read_frame();
  if (!frame.ok()) return frame.status();
  if (!frame->has_value()) return {};
  if ((*frame)->kind == FrameKind::kFailure) return decode_failure((*frame)->body);
  return Status(Code::kSystem, root_->peer() + " sent something before this rank was ready");
}

Status Newcomer::accept_children() {
  while (!awaited_.empty()) {
    std::vector<pollfd> descriptors = {{root_->fd(), POLLIN, 0}, {door_->fd(), POLLIN, 0}};
    for (const Link& caller : callers_) descriptors.push_back({caller.fd(), POLLIN, 0});
    if (!wait_for(descriptors, deadline_)) {
      return Status(Code::kTimeout, describe_ranks(awaited_) + " did not connect to " +
                                        describe(rank_, self_) + " in time");
    }
    if (Status status = hear_root(); !status.ok()) return status;
    Result<std::vector<Fd>> admitted = door_->admit();
    if (!admitted.ok()) return admitted.status();
    for (Fd& fd : *admitted) callers_.emplace_back(std::move(fd), "a rank below");
    if (Status status = hear_children(); !status.ok()) return status;
  }
  std::sort(children_.begin(), children_.end(),
            [](const Child& a, const Child& b) { return a.rank < b.rank; });
  return {};
}

Status Newcomer::agree() {
  root_->send(FrameKind::kReady, "");
  if (Status status = root_->write_all(deadline_); !status.ok()) return status;
  return await_frame(*root_, FrameKind::kGo, deadline_).status();
}

// The root passes it on to everyone.
Status Newcomer::tell_root(Status why) {
  root_->send(FrameKind::kFailure, encode(why));
  (void)root_->write_all(steady_clock::now() + kFarewell);
  return why;
}

Result<std::unique_ptr<Bootstrap>> Newcomer::connect() {
  if (Status status = open_door(); !status.ok()) return status;
  if (Status status = go_to_root(); !status.ok()) return status;
  if (Status status = take_place(); !status.ok()) return tell_root(status);
  if (Status status = accept_children(); !status.ok()) return tell_root(status);
  if (Status status = agree(); !status.ok()) return tell_root(status);
  return make_tree_bootstrap(rank_, ranks_, std::move(parent_), std::move(children_));
}

}  // namespace

Result<std::unique_ptr<Bootstrap>> connect_bootstrap(const UniqueId& id, int rank, int ranks,
                                                     Deadline deadline,
                                                     const BootstrapOptions& options) {
  Result<Meeting> meeting = decode(id);
  if (!meeting.ok()) return meeting.status();
  return connect_bootstrap(*meeting, rank, ranks, deadline, options);
}

Result<std::unique_ptr<Bootstrap>> connect_bootstrap(const Meeting& meeting, int rank, int ranks,
                                                     Deadline deadline,
                                                     const BootstrapOptions& options) {
  return Newcomer(meeting, rank, ranks, deadline, options).connect();
}

}  // namespace tutti
