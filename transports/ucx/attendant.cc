#include "transports/ucx/attendant.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace tutti::ucx {
namespace {

// A caller that has been here lately is likely to come again, and faster than this thread wakes:
// waking costs a caller on the same core as much as a small call.
constexpr int kRestMs = 20;
constexpr int kLookMs = 100;

}  // namespace

Attendant::Attendant(Work work)
    : work_(std::move(work)),
      end_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

Attendant::~Attendant() {
  ending_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  (void)!write(end_.get(), &one, sizeof one);
  thread_.join();
}

void Attendant::run() {
  while (!ending_.load(std::memory_order_relaxed)) {
    if (work_.attended()) {
      sleep(kRestMs, /*look=*/false);
    } else if (work_.do_and_arm()) {
      sleep(kLookMs, /*look=*/true);
    }
  }
}

void Attendant::sleep(int ms, bool look) {
  std::vector<pollfd> fds{{end_.get(), POLLIN, 0}};
  for (const int fd : work_.event_fds) {
    if (look) fds.push_back({fd, POLLIN, 0});
  }
  poll(fds.data(), fds.size(), ms);
}

}  // namespace tutti::ucx
