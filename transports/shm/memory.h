// The memory that the ranks of one host share: one anonymous file, a window a rank, sparse.
//
// The file is a memfd: it has no name, does not count against /dev/shm, and goes with the last
// process that maps it, however that ends. Pages exist once touched, so windows may be far larger
// than the machine's memory. Tested by shm_test.cc.

#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "files/descriptor.h"
#include "tutti/status.h"

namespace tutti::shm {

/// Where the windows lie in the file. A value.
class Layout {
 public:
  /// kInvalidArgument when there is no room for that in an address space.
  static Result<Layout> make(int ranks, std::size_t window_bytes);

  std::size_t offset_of(int rank) const { return rank * stride_; }
  std::size_t window_bytes() const { return window_bytes_; }
  std::size_t total() const { return ranks_ * stride_; }
  /// "8 TiB (256 ranks x 32 GiB)", for messages.
  std::string to_string() const;

 private:
  Layout(int ranks, std::size_t window_bytes, std::size_t stride)
      : ranks_(ranks), window_bytes_(window_bytes), stride_(stride) {}

  int ranks_;
  std::size_t window_bytes_;
  std::size_t stride_;  // window_bytes_, rounded up to pages
};

/// A new file of that size, all zero, that nobody can resize any more.
Result<Descriptor> create_memory(const Layout& layout);

/// The whole file as this process's memory, for as long as it lives.
class Mapping {
 public:
  /// The descriptor may be closed afterwards.
  static Result<std::unique_ptr<Mapping>> map(const Descriptor& file, const Layout& layout);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<std::byte> window(int rank) const {
    return {data_ + layout_.offset_of(rank), layout_.window_bytes()};
  }

 private:
  Mapping(std::byte* data, const Layout& layout) : data_(data), layout_(layout) {}

  std::byte* data_;
  Layout layout_;
};

}  // namespace tutti::shm
