// Tested by bootstrap_test.cc.

#include "bootstrap/tree.h"

#include <poll.h>

#include <algorithm>
#include <memory>

#include "base/check.h"
#include "bootstrap/introductions.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kArity = 4;
// How long a failing rank tries to tell its neighbours why.
constexpr milliseconds kFarewell(500);

// Ranks on the way up give up earlier, by equal parts of a tenth of the time left.
Deadline give_up_time(int rank, int ranks, Deadline deadline) {
  const auto now = steady_clock::now();
  if (deadline <= now) return deadline;
  const auto margin = std::min<Deadline::duration>((deadline - now) / 10, milliseconds(1000));
  const int levels = tree_depth(ranks - 1);
  return levels == 0 ? deadline : deadline - margin * (levels - tree_depth(rank)) / levels;
}

// One rank's part of one call.
struct Call {
  explicit Call(std::vector<int> below, int ranks)
      : mine_and_below(std::move(below)), arrived(static_cast<std::size_t>(ranks)) {}

  std::vector<int> missing() const {
    std::vector<int> ranks;
    for (const int rank : mine_and_below) {
      if (!arrived[static_cast<std::size_t>(rank)]) ranks.push_back(rank);
    }
    return ranks;
  }

  std::vector<int> mine_and_below;
  std::vector<bool> arrived;
  std::size_t count = 0;              // of mine_and_below that have arrived
  std::vector<std::string> gathered;  // rank 0 only
  std::string result;                 // the body of the kResult frame, once known
  bool known = false;
};

class TreeBootstrap final : public Bootstrap {
 public:
  TreeBootstrap(int rank, int ranks, std::optional<Link> parent, std::vector<Child> children)
      : rank_(rank), ranks_(ranks), parent_(std::move(parent)), children_(std::move(children)) {
    if (parent_) parent_->set_frame_limit(kGatherFrameBytes);
    for (Child& child : children_) child.link.set_frame_limit(kGatherFrameBytes);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override;

 private:
  Status gather(Call& call, const std::string& mine, Deadline deadline);
  Status accept_entry(Call& call, int rank, std::string_view value, std::string_view frame);
  Status take_entries(Call& call, const Child& child, const std::string& frame);
  Status take_from_child(Call& call, Child& child);
  Status take_from_parent(Call& call);
  Status serve(Call& call, Deadline deadline);
  void spread(Call& call);
  bool is_over(const Call& call) const;
  bool is_served(const Call& call, const Link& child) const;
  Status late(const Call& call) const;
  void tell_all(const Status& failure);
  Result<std::vector<std::string>> unpack(const Call& call) const;
  std::string title() const { return "bootstrap all_gather #" + std::to_string(number_); }

  int rank_;
  int ranks_;
  std::optional<Link> parent_;
  std::vector<Child> children_;
  std::uint32_t number_ = 0;  // of the current call
  Status failure_;
};

std::string pack_entry(std::uint32_t number, int rank, std::string_view value) {
  return Writer().u32(number).u32(static_cast<std::uint32_t>(rank)).raw(value).take();
}

std::string pack_result(std::uint32_t number, const std::vector<std::string>& values) {
  Writer writer;
  writer.u32(number);
  for (const std::string& value : values) writer.text(value);
  return writer.take();
}

Status garbled(const Link& link) {
  return Status(Code::kSystem, link.peer() + " sent what does not belong to this call");
}

// A peer's own failure, or what it means that it sent this frame now.
Status unexpected(const Link& link, const Frame& frame) {
  return frame.kind == FrameKind::kFailure ? decode_failure(frame.body) : garbled(link);
}

// An entry reached this rank: rank 0 keeps it, the others pass the frame on.
Status TreeBootstrap::accept_entry(Call& call, int rank, std::string_view value,
                                   std::string_view frame) {
  call.arrived[static_cast<std::size_t>(rank)] = true;
  ++call.count;
  if (parent_) {
    parent_->send(FrameKind::kEntries, std::string(frame));
    return {};
  }
  call.gathered[static_cast<std::size_t>(rank)] = value;
  if (call.count < call.mine_and_below.size()) return {};
  call.result = pack_result(number_, call.gathered);
  if (call.result.size() > kGatherFrameBytes) {
    return Status(Code::kInvalidArgument,
                  title() + ": all values together have " + std::to_string(call.result.size()) +
                      " bytes, at most " + std::to_string(kGatherFrameBytes) + " are possible");
  }
  spread(call);
  return {};
}

Status TreeBootstrap::take_entries(Call& call, const Child& child, const std::string& frame) {
  Reader reader(frame);
  const std::uint32_t number = reader.u32();
  const std::uint32_t rank = reader.u32();
  const auto& expected = call.mine_and_below;
  if (reader.failed() || number != number_ || rank >= call.arrived.size() ||
      !std::binary_search(expected.begin(), expected.end(), static_cast<int>(rank)) ||
      call.arrived[rank]) {
    return garbled(child.link);
  }
  return accept_entry(call, static_cast<int>(rank),
                      std::string_view(frame).substr(frame.size() - reader.left()), frame);
}

// Reads until the child has nothing more to say in this call.
Status TreeBootstrap::take_from_child(Call& call, Child& child) {
  while (!is_served(call, child.link)) {
    Result<std::optional<Frame>> frame = child.link.read_frame();
    if (!frame.ok()) return frame.status();
    if (!frame->has_value()) return {};
    if ((*frame)->kind != FrameKind::kEntries) return unexpected(child.link, **frame);
    if (Status status = take_entries(call, child, (*frame)->body); !status.ok()) return status;
  }
  return {};
}

Status TreeBootstrap::take_from_parent(Call& call) {
  Result<std::optional<Frame>> frame = parent_->read_frame();
  if (!frame.ok()) return frame.status();
  if (!frame->has_value()) return {};
  if ((*frame)->kind != FrameKind::kResult) return unexpected(*parent_, **frame);
  call.result = std::move((*frame)->body);
  if (Reader(call.result).u32() != number_) return garbled(*parent_);
  spread(call);
  return {};
}

void TreeBootstrap::spread(Call& call) {
  call.known = true;
  for (Child& child : children_) child.link.send_view(FrameKind::kResult, call.result);
}

// A child that has the result may be in its next call already, or have left: it is not listened to.
bool TreeBootstrap::is_served(const Call& call, const Link& child) const {
  return call.known && child.drained();
}

bool TreeBootstrap::is_over(const Call& call) const {
  return call.known && (!parent_ || parent_->drained()) &&
         std::all_of(children_.begin(), children_.end(),
                     [&](const Child& child) { return is_served(call, child.link); });
}

Status TreeBootstrap::late(const Call& call) const {
  const std::vector<int> missing = call.missing();
  std::string why;
  if (!missing.empty()) {
    why = describe_ranks(missing) + " of " + std::to_string(ranks_) +
          (missing.size() == 1 ? " has not come" : " have not come");
  } else if (!call.known && parent_) {
    why = parent_->peer() + " has not passed on the result";
  } else {
    for (const Child& child : children_) {
      if (!child.link.drained()) why = child.link.peer() + " does not take the result";
    }
  }
  return Status(Code::kTimeout, title() + ": " + why);
}

// One round of waiting and serving whoever is ready.
Status TreeBootstrap::serve(Call& call, Deadline deadline) {
  std::vector<pollfd> descriptors;
  const auto add = [&](const Link& link, bool listened_to) {
    const int events = (listened_to ? POLLIN : 0) | (link.drained() ? 0 : POLLOUT);
    descriptors.push_back({events == 0 ? -1 : link.fd(), static_cast<short>(events), 0});
  };
  for (const Child& child : children_) add(child.link, !is_served(call, child.link));
  if (parent_) add(*parent_, !call.known);
  if (!wait_for(descriptors, deadline)) return late(call);

  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (descriptors[i].revents == 0) continue;
    // Reading comes first: who has left may have said why.
    if (Status status = take_from_child(call, children_[i]); !status.ok()) return status;
    if (Status status = children_[i].link.write_some(); !status.ok()) return status;
  }
  if (!parent_ || descriptors.back().revents == 0) return {};
  if (!call.known) {
    if (Status status = take_from_parent(call); !status.ok()) return status;
  }
  return parent_->write_some();
}

Status TreeBootstrap::gather(Call& call, const std::string& mine, Deadline deadline) {
  if (mine.size() > kGatherFrameBytes / 2) {
    return Status(Code::kInvalidArgument, title() + ": rank " + std::to_string(rank_) + " gives " +
                                              std::to_string(mine.size()) +
                                              " bytes, at most 512 MiB are possible");
  }
  const std::string entry = pack_entry(number_, rank_, mine);
  if (Status status = accept_entry(call, rank_, mine, entry); !status.ok()) return status;
  const Deadline give_up = give_up_time(rank_, ranks_, deadline);
  while (!is_over(call)) {
    if (Status status = serve(call, give_up); !status.ok()) return status;
  }
  return {};
}

void TreeBootstrap::tell_all(const Status& failure) {
  const std::string body = encode(failure);
  const Deadline deadline = steady_clock::now() + kFarewell;
  const auto tell = [&](Link& link) {
    link.send(FrameKind::kFailure, body);
    // Whoever cannot be told finds out by the closed connection or by its own deadline.
    (void)link.write_all(deadline);
  };
  for (Child& child : children_) tell(child.link);
  if (parent_) tell(*parent_);
}

Result<std::vector<std::string>> TreeBootstrap::unpack(const Call& call) const {
  Reader reader(call.result);
  reader.u32();
  std::vector<std::string> values;
  values.reserve(static_cast<std::size_t>(ranks_));
  for (int rank = 0; rank < ranks_; ++rank) values.emplace_back(reader.text());
  if (!reader.complete()) return Status(Code::kSystem, title() + ": the result is garbled");
  return values;
}

Result<std::vector<std::string>> TreeBootstrap::all_gather(const std::string& mine,
                                                           Deadline deadline) {
  if (!failure_.ok()) return failure_;
  ++number_;
  Call call(tree_below(rank_, ranks_), ranks_);
  if (!parent_) call.gathered.resize(static_cast<std::size_t>(ranks_));
  if (Status status = gather(call, mine, deadline); !status.ok()) {
    failure_ = status;
    tell_all(status);
    return status;
  }
  return unpack(call);
}

}  // namespace

int tree_parent(int rank) {
  TUTTI_CHECK(rank > 0, "rank %d", rank);
  return (rank - 1) / kArity;
}

std::vector<int> tree_children(int rank, int ranks) {
  std::vector<int> children;
  for (std::int64_t child = std::int64_t{kArity} * rank + 1;
       child <= std::int64_t{kArity} * rank + kArity && child < ranks; ++child) {
    children.push_back(static_cast<int>(child));
  }
  return children;
}

std::vector<int> tree_below(int rank, int ranks) {
  // Level by level, and every level is a range: ascending by construction.
  std::vector<int> below;
  for (std::int64_t first = rank, last = rank; first < ranks;
       first = kArity * first + 1, last = kArity * last + kArity) {
    for (std::int64_t r = first; r <= last && r < ranks; ++r) below.push_back(static_cast<int>(r));
  }
  return below;
}

int tree_depth(int rank) { return rank == 0 ? 0 : 1 + tree_depth(tree_parent(rank)); }

std::unique_ptr<Bootstrap> make_tree_bootstrap(int rank, int ranks, std::optional<Link> parent,
                                               std::vector<Child> children) {
  TUTTI_CHECK(parent.has_value() == (rank > 0), "rank %d", rank);
  TUTTI_CHECK(children.size() == tree_children(rank, ranks).size(), "rank %d", rank);
  return std::make_unique<TreeBootstrap>(rank, ranks, std::move(parent), std::move(children));
}

}  // namespace tutti
