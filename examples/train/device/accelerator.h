// What numbers of type OnDevice lie on and are computed by: a GPU, or this processor in its place,
// which does the same kernels block by block. Of a rank's own; what is issued happens in the order
// issued, and only read() and synchronize() wait for it.
//
// A rank is a thread, and `accelerator()` is the one that it uses, as CUDA's current device is:
// kernels are free functions, which would all pass it on to each other.
//
// Tested by train_device_test.cc.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "train/element.h"

namespace tutti::train {

/// A product of matrices on a device, or `count` of them: c [m, n] = factor a b + keep c, with
/// a [m, k], b [k, n] as they are after transposition; row-major.
struct DeviceMatrix {
  const void* data = nullptr;
  bool is_bf16 = false;
  long stride = 0;  // elements from a row to the next, as it lies in memory
  bool transposed = false;
  long step = 0;  // elements from a product's matrix to the next one's
};
struct DeviceProduct {
  long m = 0;
  long n = 0;
  long k = 0;
  float factor = 1;
  DeviceMatrix a;  // of the same type as b
  DeviceMatrix b;
  float keep = 0;
  DeviceMatrix c;  // written; float or the type of a; not transposed
  long count = 1;
};

/// When the device was at a piece of work, and from when to when it stood still to wait for it.
struct PieceTimes {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin, end;
  Clock::time_point wait_begin, wait_end;
};

/// Where work is issued that is watched, such as calls to other ranks: beside the accelerator's
/// own, or in line with it.
class Aside {
 public:
  virtual ~Aside() = default;
  /// Where to issue, a CUDA stream: what was issued on the accelerator until now comes first.
  virtual void* begin() = 0;
  /// After issuing: the number of this piece of work, from 1 on.
  virtual long end() = 0;
  /// What is issued on the accelerator from now on comes after that piece. Once for each; what is
  /// in line needs none.
  virtual void await(long piece) = 0;
  /// Whether the device has done it. Not after await().
  virtual bool ended(long piece) = 0;
  /// Of the pieces, in their order, that were awaited and are done: each once. Does not wait.
  virtual std::vector<PieceTimes> take_times() = 0;
};

class Accelerator {
 public:
  virtual ~Accelerator() = default;

  /// "NVIDIA H200", "this processor".
  virtual std::string name() const = 0;
  /// Whether memory and kernels are of this processor: communication is then of the host's memory.
  virtual bool is_host() const = 0;

  /// Aligned to 256 bytes; Failure where there is not so much.
  virtual void* allocate(std::size_t bytes) = 0;
  /// What uses it may still be under way, if it was issued on the accelerator or awaited.
  virtual void release(void* memory) = 0;
  /// The most bytes of its own memory that were allocated at once; 0 where is_host().
  virtual std::size_t most_bytes() const = 0;

  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  virtual void clear(void* to, std::size_t bytes) = 0;
  /// From memory of the host, which is free for other use afterwards.
  virtual void write(void* to, const void* from, std::size_t bytes) = 0;
  /// To memory of the host; waits.
  virtual void read(void* to, const void* from, std::size_t bytes) = 0;
  /// Waits; Failure where something went wrong on the device.
  virtual void synchronize() = 0;

  virtual void multiply(const DeviceProduct& product) = 0;

  /// Memory for what is issued until the next call of this, which answers the same.
  void* room(std::size_t bytes);

  /// The CUDA stream of what is issued; nullptr where is_host().
  virtual void* stream() = 0;
  /// nullptr where is_host(). Must not outlive this.
  virtual std::unique_ptr<Aside> make_aside(bool in_line) = 0;

 protected:
  /// Before the memory that room() answered could no longer be released.
  void release_room();

 private:
  void* room_ = nullptr;
  std::size_t room_bytes_ = 0;
};

/// This processor in the place of a GPU.
std::unique_ptr<Accelerator> make_host_accelerator();

/// The one that this thread uses; unless told otherwise, this processor.
Accelerator& accelerator();

/// As long as this lives, the thread uses `accelerator`.
class UseAccelerator {
 public:
  explicit UseAccelerator(Accelerator& accelerator);
  ~UseAccelerator();
  UseAccelerator(const UseAccelerator&) = delete;
  UseAccelerator& operator=(const UseAccelerator&) = delete;

 private:
  Accelerator* const before_;
};

}  // namespace tutti::train
