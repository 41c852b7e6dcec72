// What runs a call on devices: a function of what all ranks know, so that they choose alike.
//
// Tested by cuda_executor_test.cc.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tutti/types.h"

namespace tutti::cuda {

enum class Path {
  kOneShot,  // kernels of their own: kernels.h
  kReduce,
  kMove,
  kMulticast,  // multicast.h
  kCopies,     // copies.h
  kInterpreter,
  kEngine,
};

struct PathQuestion {
  Collective collective = Collective::kBarrier;
  std::size_t bytes = 0;         // of a part
  std::string_view forced = {};  // the name of an algorithm; "": none
  bool forced_known = false;     // it is one of the catalog's for the collective
  bool engine = false;           // nothing may wait in a kernel
  bool multicast = false;        // a switch can do the call's sums
  bool copies = false;           // is_for_copies()
};

Path choose_path(const PathQuestion& question);

/// Whether copy engines move a call.
struct CopiesQuestion {
  Collective collective = Collective::kBarrier;
  std::size_t input_bytes = 0;
  std::optional<std::size_t> from = {};  // of input, where somebody says; 0: always
  bool own_devices = false;              // no two ranks share one
  bool one_process = false;              // a kernel takes no detour by scratch
  bool one_way = false;  // a device reaches any one peer as fast as all of them together
};
bool is_for_copies(const CopiesQuestion& question);

/// Where nobody says, calls that either way go through scratch.
inline constexpr std::size_t kCopiesFrom = std::size_t{4} << 20;

/// Where nothing is forced: the algorithm that the interpreter and the engine run.
std::string_view usual_algorithm(Collective collective, bool in_place);

/// What last_path() says: the schedule that a kernel stands for, "two_shot by
/// multicast", "ring by interpreter".
std::string path_name(Path path, Collective collective, bool in_place, std::string_view algorithm);

/// How many blocks a kernel gets that moves so many bytes in a rank: no more than have something
/// to do, nor than may run at once where ranks share a device.
struct BlockQuestion {
  Path path = Path::kReduce;
  std::size_t bytes = 0;  // of the larger buffer
  int most = 1;
  int multiprocessors = 1;
  int ranks_per_device = 1;
};
int choose_blocks(const BlockQuestion& question);

}  // namespace tutti::cuda
