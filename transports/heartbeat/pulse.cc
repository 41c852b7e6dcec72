// Tested by heartbeat_test.cc.

#include "transports/heartbeat/pulse.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "bootstrap/datagram_socket.h"
#include "transports/heartbeat/datagram.h"

namespace tutti::heartbeat {
namespace {

using std::chrono::steady_clock;

// Far more than a socket holds: who floods us with garbage must not keep us from sending.
constexpr int kMostAtOnce = 4096;

}  // namespace

Result<std::unique_ptr<Pulse>> Pulse::start(Group group, Fd socket, Board& board) {
  Fd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell.is_open()) return system_error("cannot make an eventfd");
  std::unique_ptr<Pulse> pulse(
      new Pulse(std::move(group), std::move(socket), std::move(bell), board));
  pulse->start_thread();
  return pulse;
}

Pulse::Pulse(Group group, Fd socket, Fd bell, Board& board)
    : group_(std::move(group)),
      socket_(std::move(socket)),
      bell_(std::move(bell)),
      board_(board),
      watch_(group_.rank, static_cast<int>(group_.endpoints.size()), group_.timeout,
             steady_clock::now()),
      last_from_(group_.endpoints.size()),
      unheard_(watch_.unheard()) {}

// The program's signals are not for this thread.
void Pulse::start_thread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Pulse::~Pulse() {
  {
    const std::lock_guard lock(mutex_);
    (begun_ ? orders_.depart : orders_.stop) = true;
  }
  ring();
  thread_.join();
}

std::vector<int> Pulse::wait_until_heard(Deadline deadline) {
  std::unique_lock lock(mutex_);
  all_heard_.wait_until(lock, deadline, [this] { return unheard_.empty(); });
  return unheard_;
}

void Pulse::begin() {
  begun_ = true;
  const std::lock_guard lock(mutex_);
  orders_.begin = true;
}

void Pulse::report(int rank, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    for (const Report& known : orders_.reports) {
      if (known.rank == rank) return;
    }
    orders_.reports.push_back({rank, why});
  }
  ring();
}

void Pulse::ring() {
  const std::uint64_t once = 1;
  (void)!write(bell_.get(), &once, sizeof once);  // fails only when it rings already
}

// ---- the thread

void Pulse::run() {
  while (turn()) {
    std::array<pollfd, 2> descriptors = {pollfd{socket_.get(), POLLIN, 0},
                                         pollfd{bell_.get(), POLLIN, 0}};
    wait_for(descriptors, watch_.wake());
  }
}

// False once there is nothing more to do. One time for all of a turn, taken before reading: what
// has come while this thread did not run is heard before anybody is judged.
bool Pulse::turn() {
  const Moment now = steady_clock::now();
  const Orders orders = take_orders();
  if (orders.stop) return false;
  listen(now);
  obey(orders, now);
  for (const Letter& letter : watch_.turn(now)) send(letter);
  publish();
  return !watch_.gone(now);
}

Pulse::Orders Pulse::take_orders() {
  std::uint64_t rings = 0;
  (void)!read(bell_.get(), &rings, sizeof rings);  // fails when nobody rang
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, {});
}

void Pulse::obey(const Orders& orders, Moment now) {
  if (orders.begin) watch_.begin();
  for (const Report& report : orders.reports) watch_.report(report.rank, report.why, now);
  if (orders.depart) watch_.depart(now);
}

void Pulse::listen(Moment now) {
  std::array<char, kMaxDatagramBytes + 1> buffer;  // a byte more: longer ones are none of ours
  for (int count = 0; count < kMostAtOnce; ++count) {
    const std::optional<Datagram> datagram = receive_datagram(socket_, buffer);
    if (!datagram) return;
    const std::optional<Message> message =
        decode(datagram->bytes, group_.key, static_cast<int>(group_.endpoints.size()));
    if (!message) continue;
    last_from_[message->from] = datagram->from;
    watch_.hear(*message, now);
  }
}

void Pulse::send(const Letter& letter) {
  const std::string bytes = encode(letter.message, group_.key);
  const std::optional<SocketAddress>& last = last_from_[letter.to];
  if (last) send_datagram(socket_, bytes, *last);
  if (last && !letter.everywhere) return;
  const Endpoint& endpoint = group_.endpoints[letter.to];
  for (const Address& address : endpoint.addresses) {
    send_datagram(socket_, bytes, socket_address(address, endpoint.port));
  }
}

void Pulse::publish() {
  for (; published_ < watch_.ledger().size(); ++published_) {
    board_.publish(watch_.ledger()[published_]);
  }
  const std::lock_guard lock(mutex_);
  if (unheard_.empty()) return;
  unheard_ = watch_.unheard();
  if (unheard_.empty()) all_heard_.notify_all();
}

}  // namespace tutti::heartbeat
