// Where the ranks of a group line up before a timed operation: a barrier in a shared file that
// belongs to no library, so that every library starts in the same way and pays for none.
//
// Each rank stores its round in its own cache line and waits for the others': at two ranks one
// exchange of cache lines. Spins first, then yields; gives up after a minute.

#pragma once

#include <cstdint>
#include <string>

namespace side_by_side {

/// Resource: the mapping. Throws std::runtime_error.
class StartLine {
 public:
  /// `spins` looks before the first yield: 0 where ranks outnumber cores. The file at `path` must
  /// be zero and hold bytes(ranks).
  StartLine(const std::string& path, int rank, int ranks, int spins);
  StartLine(const StartLine&) = delete;
  StartLine& operator=(const StartLine&) = delete;
  ~StartLine();

  /// Returns when every rank has called as often as this one.
  void wait();

 private:
  struct Lane;

  Lane* lanes_;
  int rank_;
  int ranks_;
  int spins_;
  std::uint64_t round_ = 0;
};

}  // namespace side_by_side
