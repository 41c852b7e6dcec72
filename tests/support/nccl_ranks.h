// Ranks of the NCCL door on memory of the host, all of them in this process.

#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tutti/nccl.h"

namespace tutti::test {

/// No GPU, whatever the machine has; nothing that hangs outlives a minute.
class HostOnly : public testing::Environment {
 public:
  void SetUp() override {
    setenv("CUDA_VISIBLE_DEVICES", "", 1);
    setenv("TUTTI_TIMEOUT", "20", 1);
    setenv("TUTTI_START_TIMEOUT", "20", 1);
  }
};

/// A variable of the environment, for as long as this lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* before = getenv(name);
    if (before != nullptr) before_ = before;
    setenv(name, value, 1);
  }
  ~Variable() { before_.empty() ? unsetenv(name_) : setenv(name_, before_.c_str(), 1); }

 private:
  const char* const name_;
  std::string before_;
};

/// A code with what can be said of it, for comparing and for messages.
inline std::string told(ncclResult_t code) {
  return std::to_string(code) + " (" + ncclGetErrorString(code) + "; " + ncclGetLastError(nullptr) +
         ")";
}

#define EXPECT_NCCL(expected, call)                                          \
  do {                                                                       \
    const ncclResult_t code_ = (call);                                       \
    EXPECT_EQ(code_, expected) << #call << ": " << tutti::test::told(code_); \
  } while (false)
#define ASSERT_NCCL(expected, call)                                          \
  do {                                                                       \
    const ncclResult_t code_ = (call);                                       \
    ASSERT_EQ(code_, expected) << #call << ": " << tutti::test::told(code_); \
  } while (false)

/// Communicators of ncclCommInitAll(), destroyed at the end.
class Ranks {
 public:
  using Body = std::function<void(int rank, ncclComm_t comm)>;

  explicit Ranks(int count) : comms_(count) {
    EXPECT_NCCL(ncclSuccess, ncclCommInitAll(comms_.data(), count, nullptr));
  }
  ~Ranks() {
    for (ncclComm_t comm : comms_) EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
  }

  int count() const { return static_cast<int>(comms_.size()); }
  ncclComm_t operator[](int rank) const { return comms_[rank]; }
  /// For a test that ends one itself: the handle, which is no longer this object's.
  ncclComm_t take(int rank) { return std::exchange(comms_[rank], nullptr); }

  /// Calls of all ranks, in a group of this thread: the answer of its end.
  ncclResult_t together(const Body& body) const {
    EXPECT_NCCL(ncclSuccess, ncclGroupStart());
    for (int rank = 0; rank < count(); ++rank) body(rank, comms_[rank]);
    return ncclGroupEnd();
  }
  /// Calls of all ranks, each in a thread.
  void apart(const Body& body) const {
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count(); ++rank) {
      threads.emplace_back([&, rank] { body(rank, comms_[rank]); });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  std::vector<ncclComm_t> comms_;
};

/// A buffer for each rank.
template <class T>
using PerRank = std::vector<std::vector<T>>;

}  // namespace tutti::test
