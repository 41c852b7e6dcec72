// Many processes meet: 256 on this machine, with the time that it may take.
// ROOMS: bootstrap

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "bootstrap/tcp_bootstrap.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What a communicator's start exchanges is of this size.
constexpr std::size_t kValueBytes = 1000;

std::string value_of(int rank) {
  return std::string(kValueBytes, static_cast<char>('a' + rank % 26)) + std::to_string(rank);
}

std::ptrdiff_t open_sockets() {
  std::ptrdiff_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    count += target.starts_with("socket:") ? 1 : 0;
  }
  return count;
}

// A child process: its exit code says how far it came.
int live(const UniqueId& id, int rank, int ranks) {
  const auto deadline = steady_clock::now() + milliseconds(60000);
  const std::ptrdiff_t sockets_before = open_sockets();
  auto bootstrap = connect_bootstrap(id, rank, ranks, deadline);
  if (!bootstrap.ok()) {
    std::fprintf(stderr, "rank %d: %s\n", rank, bootstrap.status().to_string().c_str());
    return 1;
  }
  for (int call = 0; call < 3; ++call) {
    auto gathered = (*bootstrap)->all_gather(value_of(rank), deadline);
    if (!gathered.ok()) {
      std::fprintf(stderr, "rank %d: %s\n", rank, gathered.status().to_string().c_str());
      return 2;
    }
    for (int r = 0; r < ranks; ++r) {
      if ((*gathered)[static_cast<std::size_t>(r)] != value_of(r)) return 3;
    }
  }
  // A parent and four children.
  return open_sockets() - sockets_before <= 5 ? 0 : 4;
}

// Forks before this process has a root and its thread; the id follows through a pipe.
class Children {
 public:
  explicit Children(int ranks) {
    if (pipe(pipe_) != 0) return;
    for (int rank = 0; rank < ranks; ++rank) {
      const pid_t child = fork();
      if (child != 0) {
        pids_.push_back(child);
        continue;
      }
      close(pipe_[1]);
      // Each child takes one copy of the id.
      UniqueId id;
      const ssize_t size = read(pipe_[0], id.bytes.data(), id.bytes.size());
      _exit(size == static_cast<ssize_t>(id.bytes.size()) ? live(id, rank, ranks) : 9);
    }
  }
  ~Children() {
    close(pipe_[0]);
    close(pipe_[1]);
  }

  void tell(const UniqueId& id) {
    // 128 bytes are less than PIPE_BUF: neither written nor read in parts.
    for (std::size_t i = 0; i < pids_.size(); ++i) {
      ASSERT_EQ(write(pipe_[1], id.bytes.data(), id.bytes.size()),
                static_cast<ssize_t>(id.bytes.size()));
    }
  }

  std::vector<int> wait() {
    std::vector<int> codes;
    for (const pid_t pid : pids_) {
      int status = 0;
      waitpid(pid, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    return codes;
  }

 private:
  int pipe_[2] = {-1, -1};
  std::vector<pid_t> pids_;
};

TEST(BootstrapScale, TwoHundredAndFiftySixProcessesMeetAndGatherInSeconds) {
  Children children(256);
  Result<Invitation> invitation = make_unique_id({});
  ASSERT_TRUE(invitation.ok()) << invitation.status().message();
  const auto begin = steady_clock::now();
  children.tell(invitation->id);
  EXPECT_EQ(children.wait(), std::vector<int>(256, 0));
  const auto ms = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin).count();
  std::printf("256 processes: connect and 3 all_gathers of 1 kB in %d ms\n", static_cast<int>(ms));
  EXPECT_LT(ms, 10000);
}

}  // namespace
}  // namespace tutti
