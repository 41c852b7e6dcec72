// What a library must offer to be measured. One file a library implements it (mpi_backend.cc,
// gloo_backend.cc, tutti_backend.cc); worker.cc does everything else the same way for all.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "data.h"

namespace side_by_side {

/// How a worker is started; rank and ranks only where the library's launcher does not say.
struct Arguments {
  std::string directory;  // of the group: socket "coordinator", file "start_line"
  std::string cores;      // "0,1": rank i runs on core i mod 2
  int rank = -1;
  int ranks = 0;
};

/// An operation, ready to be repeated. The buffers outlive it.
struct Prepared {
  std::function<void()> run;
  const float* result;  // where the output is after run()
};

using Memory = std::unique_ptr<void, std::function<void(void*)>>;

/// A rank of one library. Functions throw std::exception. Broadcast and reduce have root 0.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;
  virtual void barrier() = 0;
  /// May use `input` as the output where the library only works in place (broadcast).
  virtual Prepared prepare(const Shape& shape, float* input, float* output) = 0;

  /// Memory of the library's own that is faster than malloc's; null where there is none.
  virtual Memory allocate(std::size_t /*bytes*/) { return nullptr; }
  /// What the library says about the last operation: one word, or "-".
  virtual std::string explain() { return "-"; }
  /// Names, with spaces between them, of the algorithms that can be forced; "" where there are
  /// none.
  virtual std::string algorithms(Collective /*collective*/) { return ""; }
};

/// Defined by the library's file. Joins the group: collective over its ranks.
std::unique_ptr<Backend> make_backend(const Arguments& arguments);

}  // namespace side_by_side
