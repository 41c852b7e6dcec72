// A file descriptor with one owner. Tested by shm_test.cc.

#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace tutti {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  bool valid() const { return number_ >= 0; }
  int number() const { return number_; }
  /// Of the same open file; invalid where the process has no number left.
  Descriptor copy() const { return Descriptor(fcntl(number_, F_DUPFD_CLOEXEC, 0)); }

 private:
  int number_ = -1;
};

}  // namespace tutti
