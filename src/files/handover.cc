// Source: unix(7), "Ancillary messages". Tested by shm_test.cc.

#include "files/handover.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

#include "base/check.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
using Invitation = Handover::Invitation;
using Time = Handover::Time;

constexpr std::size_t kMaxGuests = 64;  // at a time; more wait in the backlog,
constexpr int kBacklog = 512;           // and beyond that in connect()

// A guest's only message.
struct Request {
  char token[sizeof(Invitation::token)] = {};
  std::uint64_t number = 0;
};

Status system_error(const std::string& what, int error) {
  return {Code::kSystem, what + ": " + std::generic_category().message(error)};
}

struct Address {
  sockaddr_un sockaddr = {};
  socklen_t size = 0;
};

Address address_of(const Invitation& invitation) {
  Address address;
  address.sockaddr.sun_family = AF_UNIX;
  const std::size_t length = strnlen(invitation.name, sizeof(invitation.name));
  std::memcpy(address.sockaddr.sun_path + 1, invitation.name, length);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  return address;
}

Result<Invitation> make_invitation() {
  Invitation invitation;
  unsigned char random[8];
  if (getrandom(random, sizeof(random), 0) != sizeof(random) ||
      getrandom(invitation.token, sizeof(invitation.token), 0) != sizeof(invitation.token)) {
    return system_error("cannot get random bytes", errno);
  }
  std::string name = "tutti-";
  for (const unsigned char byte : random) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  std::copy(name.begin(), name.end(), invitation.name);
  return invitation;
}

// SEQPACKET keeps a message whole: there is no half a request.
Descriptor make_socket(int flags) {
  return Descriptor(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

std::optional<ucred> credentials_of(const Descriptor& connection) {
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  if (getsockopt(connection.number(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::nullopt;
  }
  return credentials;
}

// Room for a message of one byte that carries one descriptor.
struct Parcel {
  char byte = 0;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec content = {&byte, 1};
  msghdr header = {};

  Parcel() {
    header.msg_iov = &content;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }
};

void send_descriptor(const Descriptor& connection, const Descriptor& file) {
  const int number = file.number();
  Parcel parcel;
  cmsghdr* const message = CMSG_FIRSTHDR(&parcel.header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(message), &number, sizeof(number));
  // A guest that has gone gets nothing.
  (void)sendmsg(connection.number(), &parcel.header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Blocking calls on the socket end at the deadline. False when it has passed.
bool limit_time(const Descriptor& connection, Time deadline) {
  const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - Clock::now()).count();
  if (left <= 0) return false;
  const timeval time = {static_cast<time_t>(left / 1000000),
                        static_cast<suseconds_t>(left % 1000000)};
  return setsockopt(connection.number(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) == 0 &&
         setsockopt(connection.number(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) == 0;
}

// A call on the socket, repeated when a signal interrupts it. -1 and EAGAIN at the deadline.
template <class Call>
ssize_t call_until(Time deadline, const Descriptor& connection, Call call) {
  for (;;) {
    errno = EAGAIN;
    if (!limit_time(connection, deadline)) return -1;
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// For a call that has just failed.
Status call_failed(const std::string& what) {
  if (errno != EAGAIN) return system_error(what, errno);
  return {Code::kTimeout, what + " before the deadline"};
}

Result<Descriptor> receive_descriptor(const Descriptor& connection, const std::string& giver,
                                      Time deadline) {
  Parcel parcel;
  const ssize_t received = call_until(deadline, connection, [&] {
    return recvmsg(connection.number(), &parcel.header, MSG_CMSG_CLOEXEC);
  });
  if (received < 0) return call_failed(giver + " gave no file");
  const cmsghdr* const message = CMSG_FIRSTHDR(&parcel.header);
  if (!message || message->cmsg_type != SCM_RIGHTS) {
    // The kernel drops a descriptor for which the process has no number left.
    const bool full = (parcel.header.msg_flags & MSG_CTRUNC) != 0;
    return Status(Code::kSystem, full ? "no descriptor left for a file of " + giver + " (ulimit -n)"
                                      : giver + " closed the connection without giving a file");
  }
  int file = -1;
  std::memcpy(&file, CMSG_DATA(message), sizeof(file));
  return Descriptor(file);
}

Status connect_to(const Descriptor& connection, const Invitation& invitation, const Wanted& wanted,
                  Time deadline) {
  const Address address = address_of(invitation);
  const ssize_t connected = call_until(deadline, connection, [&] {
    return connect(connection.number(), reinterpret_cast<const sockaddr*>(&address.sockaddr),
                   address.size);
  });
  if (connected < 0) return call_failed("cannot reach " + wanted.giver + " for a file");
  const std::optional<ucred> peer = credentials_of(connection);
  if (!peer || peer->uid != geteuid() || peer->pid != wanted.process) {
    return {Code::kSystem, "not " + wanted.giver + " (pid " + std::to_string(wanted.process) +
                               ") but another process listens on its socket"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Handover>> Handover::open() {
  const Result<Invitation> invitation = make_invitation();
  if (!invitation.ok()) return invitation.status();
  Descriptor listener = make_socket(SOCK_NONBLOCK);
  Descriptor stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!listener.valid() || !stop.valid()) {
    return system_error("cannot create a socket to give files", errno);
  }
  const Address address = address_of(*invitation);
  if (bind(listener.number(), reinterpret_cast<const sockaddr*>(&address.sockaddr), address.size) !=
          0 ||
      listen(listener.number(), kBacklog) != 0) {
    return system_error("cannot listen on a socket to give files", errno);
  }
  return std::unique_ptr<Handover>(new Handover(std::move(listener), std::move(stop), *invitation));
}

Handover::~Handover() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  TUTTI_CHECK(write(stop_.number(), &one, sizeof(one)) == sizeof(one));
  thread_.join();
}

Status Handover::serve(Find find) {
  find_ = std::move(find);
  // The application's signal handlers are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Status status;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    status = system_error("cannot start a thread to give files", error.code().value());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void Handover::run() {
  for (;;) {
    std::vector<pollfd> polled = {{stop_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
    for (const Guest& guest : guests_) polled.push_back({guest.connection.number(), POLLIN, 0});
    if (guests_.size() >= kMaxGuests) polled[1].events = 0;
    // Deadlines, if there are any, are looked at once in this time.
    constexpr int kInterval_ms = 20;
    const int limit_ms = guests_.empty() ? -1 : kInterval_ms;
    if (poll(polled.data(), polled.size(), limit_ms) < 0 && errno != EINTR) return;
    if (polled[0].revents) return;

    std::vector<Guest> remaining;
    for (std::size_t i = 0; i < guests_.size(); ++i) {
      if (!done_with(guests_[i], polled[2 + i].revents != 0)) {
        remaining.push_back(std::move(guests_[i]));
      }
    }
    guests_ = std::move(remaining);
    if (polled[1].revents) admit();
  }
}

void Handover::admit() {
  Descriptor connection(
      accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) {
    // No descriptor left, perhaps: others may free one before the guest's deadline.
    if (errno != EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return;
  }
  const std::optional<ucred> peer = credentials_of(connection);
  if (!peer || peer->uid != geteuid()) return;
  guests_.push_back({std::move(connection), Clock::now() + kPatience});
}

// Gives a guest who shows the token what it asks for. True when its connection can be closed.
bool Handover::done_with(const Guest& guest, bool readable) const {
  if (!readable) return Clock::now() >= guest.deadline;
  char message[sizeof(Request) + 1];  // one more, so that a longer one shows
  const ssize_t bytes = recv(guest.connection.number(), message, sizeof(message), 0);
  if (bytes != sizeof(Request)) return true;
  Request request;
  std::memcpy(&request, message, sizeof(request));
  if (std::memcmp(request.token, invitation_.token, sizeof(request.token)) != 0) return true;
  const Descriptor file = find_(request.number);
  if (file.valid()) send_descriptor(guest.connection, file);
  return true;
}

Result<Descriptor> receive(const Handover::Invitation& invitation, const Wanted& wanted,
                           Time deadline) {
  const Descriptor connection = make_socket(0);
  if (!connection.valid()) return system_error("cannot create a socket for files", errno);
  if (Status status = connect_to(connection, invitation, wanted, deadline); !status.ok()) {
    return status;
  }
  Request request;
  std::memcpy(request.token, invitation.token, sizeof(request.token));
  request.number = wanted.number;
  const ssize_t sent = call_until(deadline, connection, [&] {
    return send(connection.number(), &request, sizeof(request), MSG_NOSIGNAL);
  });
  if (sent < 0) return call_failed("cannot show the token to " + wanted.giver);
  return receive_descriptor(connection, wanted.giver, deadline);
}

}  // namespace tutti
