// One thread and one epoll: nothing here waits for a single rank, except for a full socket when an
// answer of some bytes is sent. Tested by bootstrap_test.cc.

#include "bootstrap/root.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <thread>

#include "bootstrap/door.h"
#include "bootstrap/introductions.h"
#include "bootstrap/link.h"
#include "bootstrap/tree.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxRanks = 1 << 22;  // beyond that the number is garbage
// An answer fits into a fresh socket's buffer; a rank that is stopped must not stop the others.
constexpr milliseconds kAnswerTime(500);
constexpr milliseconds kLongestPatience = std::chrono::hours(24 * 365);

struct Guest {
  Link link;
  std::optional<Hello> hello;
  bool ready = false;
  bool gone = false;
};

enum class Phase { kGathering, kPlacing, kFailed, kOver };

class Root final : public BootstrapRoot {
 public:
  Root(Door door, Fd events, Fd stop, milliseconds start_timeout);
  ~Root() override;

 private:
  void run();
  void watch(int fd, void* what);
  void handle(void* what);
  void welcome();
  void listen_to(Guest& guest);
  void handle(Guest& guest, const Frame& frame);
  void seat(Guest& guest, const Hello& hello);
  Status objection(const Hello& hello) const;
  void place_all();
  void let_go();
  void leave(Guest& guest);
  void fail(const Status& why);
  void give_up();
  void send(Guest& guest, FrameKind kind, std::string body);
  std::vector<int> missing() const;

  Door door_;
  Fd events_;
  Fd stop_;
  Phase phase_ = Phase::kGathering;
  std::list<Guest> guests_;    // nodes stay where they are
  std::vector<Guest*> seats_;  // by rank, from the first hello on
  int seated_ = 0;
  int ready_ = 0;
  Deadline give_up_at_ = Deadline::max();
  std::string impatient_ = "the root";  // who waits until then
  Status failure_;
  std::thread thread_;  // last: it uses all of the above
};

Root::Root(Door door, Fd events, Fd stop, milliseconds start_timeout)
    : door_(std::move(door)), events_(std::move(events)), stop_(std::move(stop)) {
  if (start_timeout.count() > 0) give_up_at_ = steady_clock::now() + start_timeout;
  watch(stop_.get(), &stop_);
  watch(door_.fd(), &door_);
  thread_ = std::thread([this] { run(); });
}

Root::~Root() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Root::watch(int fd, void* what) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = what;
  epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Root::run() {
  std::array<epoll_event, 64> events;
  while (phase_ != Phase::kOver) {
    // The descriptor of an epoll is readable when epoll_wait would return: poll() knows deadlines.
    pollfd descriptor = {events_.get(), POLLIN, 0};
    const Deadline next = phase_ == Phase::kFailed ? Deadline::max() : give_up_at_;
    if (!wait_for({&descriptor, 1}, next)) {
      give_up();
      continue;
    }
    const int count = epoll_wait(events_.get(), events.data(), events.size(), 0);
    for (int i = 0; i < count && phase_ != Phase::kOver; ++i) {
      handle(events[static_cast<std::size_t>(i)].data.ptr);
    }
    guests_.remove_if([](const Guest& guest) { return guest.gone; });
  }
  door_.close();
  guests_.clear();
}

void Root::handle(void* what) {
  if (what == &stop_) {
    fail(Status(Code::kAborted,
                "the process that made the unique id ended the meeting before all ranks had met"));
    phase_ = Phase::kOver;
  } else if (what == &door_) {
    welcome();
  } else {
    listen_to(*static_cast<Guest*>(what));
  }
}

void Root::welcome() {
  Result<std::vector<Fd>> admitted = door_.admit();
  if (!admitted.ok()) {
    epoll_ctl(events_.get(), EPOLL_CTL_DEL, door_.fd(), nullptr);
    return fail(admitted.status());
  }
  for (Fd& fd : *admitted) {
    Guest& guest = guests_.emplace_back(Guest{Link(std::move(fd), "a rank"), {}});
    watch(guest.link.fd(), &guest);
  }
}

void Root::listen_to(Guest& guest) {
  while (!guest.gone && phase_ != Phase::kOver) {
    Result<std::optional<Frame>> frame = guest.link.read_frame();
    if (!frame.ok()) return leave(guest);
    if (!frame->has_value()) return;
    handle(guest, **frame);
  }
}

void Root::handle(Guest& guest, const Frame& frame) {
  const std::optional<Hello> hello =
      frame.kind == FrameKind::kHello ? decode_hello(frame.body) : std::nullopt;
  if (hello && !guest.hello) {
    seat(guest, *hello);
  } else if (frame.kind == FrameKind::kReady && phase_ == Phase::kPlacing && !guest.ready) {
    guest.ready = true;
    if (++ready_ == static_cast<int>(seats_.size())) let_go();
  } else if (frame.kind == FrameKind::kFailure) {
    fail(decode_failure(frame.body));
  } else {
    leave(guest);
  }
}

// Why this rank cannot take part, as far as the root can tell.
Status Root::objection(const Hello& hello) const {
  const std::string name = describe(hello.rank, hello.who);
  const auto say = [&](Code code, const std::string& what) { return Status(code, name + what); };
  if (hello.ranks < 1 || hello.ranks > kMaxRanks) {
    return say(Code::kInvalidArgument, " says that there are " + std::to_string(hello.ranks) +
                                           " ranks, expected 1 or more");
  }
  if (hello.rank < 0 || hello.rank >= hello.ranks) {
    return say(Code::kInvalidArgument, " is out of range: with " + std::to_string(hello.ranks) +
                                           " ranks they are numbered 0 to " +
                                           std::to_string(hello.ranks - 1));
  }
  if (seats_.empty()) return {};
  if (static_cast<std::size_t>(hello.ranks) != seats_.size()) {
    const auto first = std::find_if(seats_.begin(), seats_.end(), [](auto* g) { return g; });
    const Hello& other = *(*first)->hello;
    return say(Code::kMismatch, " says that there are " + std::to_string(hello.ranks) +
                                    " ranks, but " + describe(other.rank, other.who) + " says " +
                                    std::to_string(other.ranks));
  }
  const Guest* taken = seats_[static_cast<std::size_t>(hello.rank)];
  if (taken == nullptr) return {};
  return Status(Code::kMismatch, "rank " + std::to_string(hello.rank) + " has come twice: as " +
                                     describe(hello.rank, taken->hello->who) + " and as " + name);
}

void Root::seat(Guest& guest, const Hello& hello) {
  guest.hello = hello;
  guest.link.rename(describe(hello.rank, hello.who));
  if (phase_ == Phase::kFailed) return send(guest, FrameKind::kFailure, encode(failure_));
  if (Status status = objection(hello); !status.ok()) return fail(status);
  if (seats_.empty()) seats_.resize(static_cast<std::size_t>(hello.ranks));
  seats_[static_cast<std::size_t>(hello.rank)] = &guest;
  const milliseconds patience = std::clamp(hello.patience, milliseconds(0), kLongestPatience);
  if (const Deadline until = steady_clock::now() + patience; until < give_up_at_) {
    give_up_at_ = until;
    impatient_ = guest.link.peer();
  }
  if (++seated_ == hello.ranks) place_all();
}

void Root::place_all() {
  phase_ = Phase::kPlacing;
  for (Guest* guest : seats_) {
    const int rank = guest->hello->rank;
    TreePlace place;
    if (rank > 0) {
      const Hello& parent = *seats_[static_cast<std::size_t>(tree_parent(rank))]->hello;
      place = {parent.rank, parent.who, parent.door};
    }
    send(*guest, FrameKind::kPlace, encode(place));
  }
}

void Root::let_go() {
  for (Guest* guest : seats_) send(*guest, FrameKind::kGo, "");
  phase_ = Phase::kOver;
}

void Root::leave(Guest& guest) {
  guest.gone = true;
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, guest.link.fd(), nullptr);
  if (!guest.hello || phase_ == Phase::kFailed) return;
  fail(Status(Code::kPeerLost,
              describe(guest.hello->rank, guest.hello->who) + " left before all ranks had met"));
}

// Ends the start for everyone, now and later.
void Root::fail(const Status& why) {
  if (phase_ == Phase::kFailed || phase_ == Phase::kOver) return;
  phase_ = Phase::kFailed;
  failure_ = why;
  for (Guest& guest : guests_) {
    if (guest.hello && !guest.gone) send(guest, FrameKind::kFailure, encode(failure_));
  }
}

std::vector<int> Root::missing() const {
  std::vector<int> ranks;
  for (std::size_t rank = 0; rank < seats_.size(); ++rank) {
    const Guest* guest = seats_[rank];
    const bool here = guest != nullptr && (phase_ == Phase::kGathering || guest->ready);
    if (!here) ranks.push_back(static_cast<int>(rank));
  }
  return ranks;
}

void Root::give_up() {
  const std::vector<int> ranks = missing();
  std::string what = "no rank has come";
  if (!ranks.empty()) {
    const std::string verb = ranks.size() == 1 ? " has" : " have";
    what = describe_ranks(ranks) + " of " + std::to_string(seats_.size()) + verb +
           (phase_ == Phase::kGathering ? " not come" : " come, but not connected to the others");
  }
  fail(Status(Code::kTimeout, what + "; " + impatient_ + " waits no longer"));
}

void Root::send(Guest& guest, FrameKind kind, std::string body) {
  guest.link.send(kind, std::move(body));
  // A rank that does not take its answer finds out by the closed connection.
  (void)guest.link.write_all(steady_clock::now() + kAnswerTime);
}

}  // namespace

Result<std::unique_ptr<BootstrapRoot>> open_root(Meeting& meeting,
                                                 const BootstrapOptions& options) {
  if (options.port < 0 || options.port > 65535) {
    return Status(Code::kInvalidArgument, "port " + std::to_string(options.port) +
                                              " does not exist; ports are 0 (any) to 65535");
  }
  Result<Door> door =
      Door::open(meeting, options.interface, static_cast<std::uint16_t>(options.port));
  if (!door.ok()) return door.status();
  Fd events(epoll_create1(EPOLL_CLOEXEC));
  Fd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events.is_open() || !stop.is_open()) return system_error("cannot open a meeting");
  meeting.root = door->endpoint();
  return std::unique_ptr<BootstrapRoot>(std::make_unique<Root>(
      std::move(*door), std::move(events), std::move(stop), options.start_timeout));
}

Result<Invitation> make_unique_id(const BootstrapOptions& options) {
  Result<std::string> job = random_bytes(kJobBytes);
  Result<std::string> secret = random_bytes(kSecretBytes);
  if (!job.ok()) return job.status();
  if (!secret.ok()) return secret.status();
  Meeting meeting;
  meeting.job = *job;
  meeting.secret = *secret;
  Result<std::unique_ptr<BootstrapRoot>> root = open_root(meeting, options);
  if (!root.ok()) return root.status();
  return Invitation{encode(meeting), std::move(*root)};
}

}  // namespace tutti
