// What tests and benchmarks of calls on memory of a CUDA device need: such memory, a stream, a
// graph, a stopwatch.
//
// Programs have CUDA for that. This needs no toolkit: the driver is opened at run time.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "tutti/api.h"
#include "tutti/status.h"

namespace tutti {

/// One thread at a time.
class TUTTI_API GpuBench {
 public:
  /// How many devices this process sees; kNotSupported says why there is nothing to use.
  static Result<int> gpus();
  /// With the device of that number, as CUDA numbers devices for this process.
  static Result<GpuBench> open(int ordinal);

  GpuBench(GpuBench&&) noexcept;
  GpuBench& operator=(GpuBench&&) noexcept;
  /// Memory that was not freed is freed. REQUIRES: nothing uses it any more.
  ~GpuBench();

  /// "NVIDIA H200".
  const std::string& name() const;

  /// Zeroed memory of the device.
  Result<std::byte*> allocate(std::size_t bytes);
  /// REQUIRES: from allocate(), and nothing uses it any more.
  void free(std::byte* memory);
  /// Copies to or from memory of the device, on the stream, and waits for it.
  Status write(std::byte* target, std::span<const std::byte> source);
  Status read(std::span<std::byte> target, const std::byte* source);

  /// What enqueue() takes: a cudaStream_t of its own, that does not wait for the default one.
  void* stream() const;
  /// Blocks until the stream has done all that was issued; kTimeout.
  Status synchronize(std::chrono::milliseconds timeout);

  /// What is issued on the stream in between becomes the graph, instead of being done.
  Status begin_capture();
  Status end_capture();
  /// Issues the graph. REQUIRES: end_capture() was OK.
  Status replay();

  /// Time on the device between two points of the stream. The clock may be read once the stream has
  /// passed both.
  Status start_clock();
  Status stop_clock();
  Result<double> clock_us() const;

  struct State;
  explicit GpuBench(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tutti
