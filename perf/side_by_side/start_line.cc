#include "start_line.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace side_by_side {

struct alignas(64) StartLine::Lane {
  std::atomic<std::uint64_t> round;
};

StartLine::StartLine(const std::string& path, int rank, int ranks, int spins)
    : rank_(rank), ranks_(ranks), spins_(spins) {
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) throw std::runtime_error("cannot open the start line " + path);
  void* memory = mmap(nullptr, sizeof(Lane) * static_cast<std::size_t>(ranks),
                      PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) throw std::runtime_error("cannot map the start line " + path);
  lanes_ = static_cast<Lane*>(memory);
}

StartLine::~StartLine() { munmap(lanes_, sizeof(Lane) * static_cast<std::size_t>(ranks_)); }

void StartLine::wait() {
  // Release: what this rank wrote before; acquire: what the others wrote before they arrived.
  lanes_[rank_].round.store(++round_, std::memory_order_release);
  std::chrono::steady_clock::time_point deadline{};
  int looks = 0;
  for (int peer = 0; peer < ranks_; ++peer) {
    while (lanes_[peer].round.load(std::memory_order_acquire) < round_) {
      if (++looks <= spins_) continue;
      sched_yield();
      const auto now = std::chrono::steady_clock::now();
      if (deadline.time_since_epoch().count() == 0) deadline = now + std::chrono::minutes(1);
      if (now > deadline) {
        throw std::runtime_error("rank " + std::to_string(peer) + " is not at the start line");
      }
    }
  }
}

}  // namespace side_by_side
