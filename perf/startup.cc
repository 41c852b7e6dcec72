// Starts many ranks as processes of this machine, and reports what a start costs.
//
//   startup [RANKS]      default: 256
//
// Prints the time until every rank has its communicator, the time of the first barrier and the
// first small all_reduce, and per rank the memory that is its own and the descriptors that it holds
// open, sockets among them.

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "tutti/tutti.h"

namespace {

using Clock = std::chrono::steady_clock;

// What a rank found, in memory that the parent shares.
struct Figures {
  double start_s = 0;
  double barrier_s = 0;
  double all_reduce_s = 0;
  long private_kib = 0;  // pages that no other process has
  long shared_kib = 0;   // pages of the ranks' common memory that this rank has touched
  int descriptors = 0;
  int sockets = 0;
  bool ok = false;
};

// Where the parent leaves the id for the ranks.
struct alignas(64) Board {
  std::atomic<bool> ready{false};
  tutti::UniqueId id;
};

tutti::UniqueId wait_for_id(const Board& board) {
  while (!board.ready.load(std::memory_order_acquire)) usleep(1000);
  return board.id;
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void read_memory(Figures& figures) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) figures.private_kib = std::atol(line.c_str() + 8);
    if (line.starts_with("RssShmem:")) figures.shared_kib = std::atol(line.c_str() + 9);
  }
}

void read_descriptors(Figures& figures) {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    char target[256] = {};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target, sizeof target - 1) <= 0) continue;
    ++figures.descriptors;
    figures.sockets += std::strncmp(target, "socket:", 7) == 0;
  }
  closedir(folder);
}

int run_rank(const tutti::UniqueId& id, int rank, int ranks, Figures& figures) {
  const Clock::time_point begin = Clock::now();
  tutti::Result<tutti::Communicator> communicator = tutti::Communicator::create(id, rank, ranks);
  if (!communicator.ok()) {
    std::fprintf(stderr, "rank %d: %s\n", rank, communicator.status().to_string().c_str());
    return 1;
  }
  figures.start_s = since(begin);
  const Clock::time_point first = Clock::now();
  tutti::Status status = communicator->barrier();
  figures.barrier_s = since(first);
  const Clock::time_point second = Clock::now();
  std::vector<int> one = {1}, sum = {0};
  if (status.ok()) status = communicator->all_reduce(one, sum);
  figures.all_reduce_s = since(second);
  if (!status.ok() || sum[0] != ranks) {
    std::fprintf(stderr, "rank %d: %s, sum %d\n", rank, status.to_string().c_str(), sum[0]);
    return 1;
  }
  read_memory(figures);
  read_descriptors(figures);
  figures.ok = communicator->barrier().ok();
  return figures.ok ? 0 : 1;
}

template <class Get>
void print(const char* what, const std::vector<Figures>& all, const char* unit, Get get) {
  std::vector<double> values;
  for (const Figures& figures : all) values.push_back(static_cast<double>(get(figures)));
  std::sort(values.begin(), values.end());
  std::printf("%-34s median %10.2f   largest %10.2f %s\n", what, values[values.size() / 2],
              values.back(), unit);
}

}  // namespace

int main(int argc, char** argv) {
  const int ranks = argc > 1 ? std::atoi(argv[1]) : 256;
  if (ranks < 1 || ranks > 4096) {
    std::fprintf(stderr, "startup: %s ranks: expected 1 to 4096\n", argv[1]);
    return 2;
  }
  const std::size_t bytes = sizeof(Board) + static_cast<std::size_t>(ranks) * sizeof(Figures);
  void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  Board* board = new (shared) Board;
  Figures* figures = new (board + 1) Figures[static_cast<std::size_t>(ranks)];

  const Clock::time_point begin = Clock::now();
  // The ranks are forked first, so that they inherit none of the root's sockets.
  for (int rank = 0; rank < ranks; ++rank) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // no id will come from a parent that is gone
    _exit(run_rank(wait_for_id(*board), rank, ranks, figures[rank]));
  }
  tutti::Result<tutti::Invitation> invitation = tutti::make_unique_id({});
  if (!invitation.ok()) {
    std::fprintf(stderr, "startup: %s\n", invitation.status().to_string().c_str());
    return 1;
  }
  board->id = invitation->id;
  board->ready.store(true, std::memory_order_release);
  int failed = 0, status = 0;
  while (wait(&status) > 0) failed += status != 0;
  std::printf("%d ranks as processes: %.2f s from the first fork to the last exit, %d failed\n",
              ranks, since(begin), failed);

  const std::vector<Figures> all(figures, figures + ranks);
  print("communicator made after", all, "s", [](const Figures& f) { return f.start_s; });
  print("first barrier", all, "s", [](const Figures& f) { return f.barrier_s; });
  print("first all_reduce of 4 bytes", all, "s", [](const Figures& f) { return f.all_reduce_s; });
  print("memory of the rank alone", all, "KiB", [](const Figures& f) { return f.private_kib; });
  print("common memory touched", all, "KiB", [](const Figures& f) { return f.shared_kib; });
  print("descriptors open", all, "", [](const Figures& f) { return f.descriptors; });
  print("sockets open", all, "", [](const Figures& f) { return f.sockets; });
  return failed == 0 ? 0 : 1;
}
