// Input and output are files in memory, not pipes: nobody has to read while somebody writes.
//
// Tested by cli_topo_test.cc.

#include "cli/run_program.h"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

extern char** environ;

namespace tutti::cli {
namespace {

class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("tutti", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  int descriptor() const { return descriptor_; }

  bool write(const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      done += static_cast<std::size_t>(written);
    }
    return lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::string read() const {
    std::string text;
    std::array<char, 65536> piece;
    off_t at = 0;
    for (;;) {
      const ssize_t count = pread(descriptor_, piece.data(), piece.size(), at);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(count));
      at += count;
    }
  }

 private:
  const int descriptor_;
};

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  void connect(const MemoryFile& file, int descriptor) {
    posix_spawn_file_actions_adddup2(&actions_, file.descriptor(), descriptor);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// Its wait status, or -1 when it had to be killed.
int wait_for(pid_t child, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return status;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

Result<std::string> run_program(std::vector<std::string> command, const std::string& input,
                                std::chrono::milliseconds timeout) {
  MemoryFile in, out, errors;
  if (in.descriptor() < 0 || out.descriptor() < 0 || errors.descriptor() < 0 || !in.write(input)) {
    return Status(Code::kSystem, fmt::format("no file in memory: {}", std::strerror(errno)));
  }
  FileActions actions;
  actions.connect(in, STDIN_FILENO);
  actions.connect(out, STDOUT_FILENO);
  actions.connect(errors, STDERR_FILENO);
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);

  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, arguments[0], actions.get(), nullptr, arguments.data(), environ);
  if (failed != 0) {
    return Status(failed == ENOENT ? Code::kNotSupported : Code::kSystem,
                  fmt::format("{} cannot be run: {}", command[0], std::strerror(failed)));
  }
  const int status = wait_for(child, timeout);
  if (status == -1) {
    return Status(Code::kTimeout, fmt::format("{} did not end within {} s", command[0],
                                              std::chrono::duration<double>(timeout).count()));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Status(Code::kSystem,
                  fmt::format("{} failed: {}", command[0], first_line(errors.read())));
  }
  return out.read();
}

}  // namespace tutti::cli
