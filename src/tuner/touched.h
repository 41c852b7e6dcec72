// Which pages of the windows of its group a rank reads or writes: memory that the system counts as
// its process's, for windows are touched as they are used.
//
// Calls go round rings of scratch memory and of signal lines (plan/ring_memory.h); which parts of a
// piece a rank touches, in its own window and in those of peers, is what its plan says. Where a
// page is read that a process has not mapped, Linux maps those beside it that are there already
// (fault_around_bytes, 64 KiB); where one is written, that one.
//
// Tested by touched_test.cc.

#pragma once

#include <map>
#include <vector>

#include "plan/plan.h"
#include "plan/ring_memory.h"
#include "tuner/choose.h"

namespace tutti {

class Touched {
 public:
  /// REQUIRES: ranks of one host.
  explicit Touched(const Surroundings& surroundings);

  /// The next call. Messages go from rank 0 to
  /// rank 1, through an inbox of the latter.
  void add(const Question& question);

  /// Of the rank that touches most.
  double bytes() const;

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kAround = 16;  // pages

  // Pages from the beginning of a part of a window.
  using Pages = std::vector<bool>;
  // Of a rank: parts of each window that it touches, by its owner.
  struct Window {
    Pages lines, scratch, inbox;
  };
  using Windows = std::map<int, Window>;
  // Where a block of the call lies.
  struct Block {
    std::size_t lines, scratch;
    std::size_t line, chunk;  // bytes of each
    bool is_message;
  };

  // Of a part of the owner's window, by a rank.
  struct Touch {
    int rank, owner;
    Pages Window::*part;
    std::size_t begin, bytes;
    bool writes;
  };

  // What a rank writes of the block, or what it reads.
  void add_block(const Plan& plan, const Block& block, bool writes);
  void touch(const Touch& touch);
  static void set(Pages& pages, std::size_t page);

  // Memory of a stream of calls.
  struct Rings {
    explicit Rings(const Room& room)
        : room(room),
          lines(room.lines * kLineBytes, kLineBytes),
          scratch(room.scratch_bytes, kScratchAlignment) {}

    Room room;
    RingMemory lines, scratch;
    std::uint64_t block = 0;
  };

  const std::vector<Plan>& plans_of(const Way& way);

  Chooser chooser_;
  Rings calls_, messages_;
  std::map<std::pair<const Algorithm*, Flavor>, std::vector<Plan>> plans_;
  std::vector<Windows> pages_;   // by rank
  std::vector<Window> written_;  // by owner, whoever did
};

}  // namespace tutti
