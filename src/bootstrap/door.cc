// Tested by bootstrap_test.cc.

#include "bootstrap/door.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tutti {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience(20);

void set_connection_options(const Fd& fd) {
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

// A job of a thousand ranks needs more descriptors than the usual soft limit of 1,024. NCCL's root
// raises it as well; only programs that call select() could mind. True if there is now room.
bool raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return false;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace

Door::Door(Meeting meeting, Fd listener, Fd events, Endpoint endpoint)
    : meeting_(std::move(meeting)),
      listener_(std::move(listener)),
      events_(std::move(events)),
      endpoint_(std::move(endpoint)) {
  watch(listener_.get(), nullptr);
}

Result<Door> Door::open(const Meeting& meeting, const std::string& interface, std::uint16_t port) {
  Result<std::vector<Address>> addresses = local_addresses(interface);
  if (!addresses.ok()) return addresses.status();
  if (addresses->empty()) return Status(Code::kSystem, "this host has no network address");
  // On an interface that was asked for we listen on one address, and on no other.
  const bool everywhere = interface.empty();
  Result<Fd> listener = listen_on(everywhere ? nullptr : &addresses->front(), port);
  if (!listener.ok()) return listener.status();
  if (!everywhere) addresses->resize(1);
  Fd events(epoll_create1(EPOLL_CLOEXEC));
  if (!events.is_open()) return system_error("cannot watch a listener");
  const Endpoint endpoint = {most_useful(std::move(*addresses)), port_of(*listener)};
  return Door(meeting, std::move(*listener), std::move(events), endpoint);
}

void Door::watch(int fd, Stranger* stranger) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = stranger;
  epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event);
}

// Closing would not do: a forked child may hold a copy of the descriptor.
void Door::unwatch(const Stranger& stranger) {
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, stranger.fd(), nullptr);
}

void Door::close() {
  listener_ = Fd();
  events_ = Fd();
  strangers_.clear();
}

Status Door::accept_all() {
  while (true) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.is_open()) {
      set_connection_options(fd);
      if (strangers_.size() >= kMaxStrangers) {
        unwatch(strangers_.front());
        strangers_.pop_front();
      }
      Stranger& stranger = strangers_.emplace_back(std::move(fd), steady_clock::now() + kPatience);
      watch(stranger.fd(), &stranger);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE && raise_descriptor_limit()) continue;
    return system_error("cannot accept more connections (for a large job raise 'ulimit -n')");
  }
}

// Lets the strangers that have sent something go on, and forgets those that are done or too slow.
std::vector<Fd> Door::attend(std::span<const epoll_event> events) {
  std::vector<Fd> admitted;
  std::vector<const Stranger*> done;
  for (const epoll_event& event : events) {
    auto* stranger = static_cast<Stranger*>(event.data.ptr);
    if (stranger == nullptr) continue;
    const Stranger::Progress progress = stranger->advance(meeting_);
    if (progress == Stranger::Progress::kWaiting) continue;
    done.push_back(stranger);
    unwatch(*stranger);
    if (progress == Stranger::Progress::kAdmitted) admitted.push_back(stranger->take());
  }
  const auto now = steady_clock::now();
  strangers_.remove_if([&](const Stranger& stranger) {
    if (std::count(done.begin(), done.end(), &stranger) > 0) return true;
    if (stranger.patience() >= now) return false;
    unwatch(stranger);
    return true;
  });
  return admitted;
}

Result<std::vector<Fd>> Door::admit() {
  std::array<epoll_event, 64> buffer;
  const int count = epoll_wait(events_.get(), buffer.data(), buffer.size(), 0);
  const std::span events(buffer.data(), static_cast<std::size_t>(std::max(count, 0)));
  // Before accept_all(), which may drop strangers that these events point to.
  std::vector<Fd> admitted = attend(events);
  const bool knocking = std::any_of(events.begin(), events.end(),
                                    [](const auto& event) { return event.data.ptr == nullptr; });
  if (!knocking) return admitted;
  if (Status status = accept_all(); !status.ok()) return status;
  return admitted;
}

}  // namespace tutti
