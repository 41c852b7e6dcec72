// The memory that calls are measured on: an input and an output area, each of so many bytes.

#pragma once

#include <cstdlib>
#include <memory>
#include <span>

#include "cli/perf_options.h"
#include "tutti/tutti.h"

namespace tutti::cli {

class Buffers {
 public:
  /// `communicator` gives or registers the memory unless it is plain; it outlives the buffers.
  static Result<std::unique_ptr<Buffers>> make(BufferMemory kind, Communicator& communicator,
                                               std::size_t bytes_each);

  std::span<std::byte> input() const { return input_; }
  std::span<std::byte> output() const { return output_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  // In this order: what is registered must be freed after it is no longer.
  std::unique_ptr<std::byte, Free> own_[2];
  Memory given_[2];
  std::span<std::byte> input_;
  std::span<std::byte> output_;
};

}  // namespace tutti::cli
