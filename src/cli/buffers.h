// The memory that calls are measured on: an input and an output area, each of so many bytes.

#pragma once

#include <cstdlib>
#include <memory>
#include <span>

#include "cli/perf_options.h"
#include "tutti/cuda.h"
#include "tutti/tutti.h"

namespace tutti::cli {

class Buffers {
 public:
  /// `communicator` gives or registers the memory unless it is plain. With a `gpu` it is memory of
  /// that. Both outlive the buffers. Collective.
  static Result<std::unique_ptr<Buffers>> make(BufferMemory kind, Communicator& communicator,
                                               GpuBench* gpu, std::size_t bytes_each);
  Buffers() = default;
  ~Buffers();
  Buffers(const Buffers&) = delete;

  /// What calls take.
  std::span<std::byte> input() const { return input_; }
  std::span<std::byte> output() const { return output_; }

  /// Where this process writes and reads what lies at a place of the areas: there, or in a copy of
  /// the areas of a GPU. push() and pull() bring the first `bytes` of both areas to the GPU and
  /// back.
  std::byte* here(const std::byte* place) const;
  Status push(std::size_t bytes) const;
  Status pull(std::size_t bytes) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  Status make_here(BufferMemory kind, Communicator& communicator, std::size_t bytes, int area);
  Status make_on_gpu(BufferMemory kind, Communicator& communicator, std::size_t bytes, int area);
  std::span<std::byte>& area(int number) { return number == 0 ? input_ : output_; }

  // In this order: what is registered must be freed after it is no longer.
  std::unique_ptr<std::byte, Free> own_[2];
  GpuBench* gpu_ = nullptr;
  std::byte* on_gpu_[2] = {};  // plain or registered memory of the GPU
  Memory given_[2];
  std::span<std::byte> input_;
  std::span<std::byte> output_;
};

}  // namespace tutti::cli
