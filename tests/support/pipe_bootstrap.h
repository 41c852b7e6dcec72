// How forked test processes meet: a socket pair from rank 0 to every other rank.
//
//   PipeWires wires(ranks);                                  // before the forks
//   run_ranks_as_processes(ranks, [&](int rank) {
//     PipeBootstrap bootstrap(wires, rank);
//     …
//   });

#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bootstrap/bootstrap.h"

namespace tutti::test {

/// The socket pairs. Processes forked from this one have them too.
class PipeWires {
 public:
  explicit PipeWires(int ranks) : hub_(ranks, -1), leaf_(ranks, -1) {
    for (int rank = 1; rank < ranks; ++rank) {
      int ends[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      hub_[rank] = ends[0];
      leaf_[rank] = ends[1];
    }
  }
  ~PipeWires() {
    for (const int fd : hub_) {
      if (fd >= 0) close(fd);
    }
    for (const int fd : leaf_) {
      if (fd >= 0) close(fd);
    }
  }
  PipeWires(const PipeWires&) = delete;
  PipeWires& operator=(const PipeWires&) = delete;

  int ranks() const { return static_cast<int>(hub_.size()); }
  int hub(int rank) const { return hub_[rank]; }
  int leaf(int rank) const { return leaf_[rank]; }

 private:
  std::vector<int> hub_;   // rank 0's ends, by the rank at the other end
  std::vector<int> leaf_;  // the others'
};

/// Rank 0 reads from all and writes to all.
class PipeBootstrap final : public Bootstrap {
 public:
  /// `wires` must outlive it.
  PipeBootstrap(const PipeWires& wires, int rank) : wires_(wires), rank_(rank) {}

  int rank() const override { return rank_; }
  int ranks() const override { return wires_.ranks(); }

  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    return rank_ == 0 ? gather_and_spread(mine, deadline) : send_and_receive(mine, deadline);
  }

 private:
  Result<std::vector<std::string>> gather_and_spread(const std::string& mine, Deadline deadline) {
    std::vector<std::string> all(ranks());
    all[0] = mine;
    for (int rank = 1; rank < ranks(); ++rank) {
      if (!read_text(wires_.hub(rank), all[rank], deadline)) return missing(rank);
    }
    for (int rank = 1; rank < ranks(); ++rank) {
      for (const std::string& text : all) {
        if (!write_text(wires_.hub(rank), text, deadline)) return missing(rank);
      }
    }
    return all;
  }

  Result<std::vector<std::string>> send_and_receive(const std::string& mine, Deadline deadline) {
    std::vector<std::string> all(ranks());
    if (!write_text(wires_.leaf(rank_), mine, deadline)) return missing(0);
    for (std::string& text : all) {
      if (!read_text(wires_.leaf(rank_), text, deadline)) return missing(0);
    }
    return all;
  }

  static Status missing(int rank) {
    return {Code::kTimeout, "rank " + std::to_string(rank) + " is missing"};
  }

  // A length, then the bytes.
  static bool write_text(int fd, const std::string& text, Deadline deadline) {
    const std::uint64_t bytes = text.size();
    std::string message(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
    message += text;
    const char* next = message.data();
    for (std::size_t left = message.size(); left > 0;) {
      const ssize_t sent =
          ready(fd, POLLOUT, deadline) ? ::send(fd, next, left, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
      if (sent <= 0) return false;
      next += sent;
      left -= static_cast<std::size_t>(sent);
    }
    return true;
  }

  static bool read_text(int fd, std::string& text, Deadline deadline) {
    std::uint64_t bytes = 0;
    if (!read_all(fd, reinterpret_cast<char*>(&bytes), sizeof(bytes), deadline)) return false;
    text.resize(bytes);
    return read_all(fd, text.data(), bytes, deadline);
  }

  static bool read_all(int fd, char* data, std::size_t bytes, Deadline deadline) {
    while (bytes > 0) {
      const ssize_t got = ready(fd, POLLIN, deadline) ? read(fd, data, bytes) : -1;
      if (got <= 0) return false;
      data += got;
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

  static bool ready(int fd, short events, Deadline deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd polled = {fd, events, 0};
    return left.count() > 0 && poll(&polled, 1, static_cast<int>(left.count())) == 1;
  }

  const PipeWires& wires_;
  const int rank_;
};

}  // namespace tutti::test
