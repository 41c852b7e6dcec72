// What ranks and root tell each other about themselves: values, and their bytes.
//
// Tested by bootstrap_test.cc.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bootstrap/address.h"

namespace tutti {

/// Which process a rank is, for messages.
struct Identity {
  std::string host;
  int pid = 0;
};
Identity this_process();
/// "rank 3 (host b, pid 812)"
std::string describe(int rank, const Identity& who);

/// A rank to the root.
struct Hello {
  int rank = 0;
  int ranks = 0;
  std::chrono::milliseconds patience{0};  // how long it waits from now on
  Identity who;
  Endpoint door;  // for its children; without addresses if it has none
};

/// The root to a rank: its parent in the tree.
struct TreePlace {
  int parent = 0;
  Identity who;
  Endpoint door;
};

/// A rank to its parent.
struct Join {
  int rank = 0;
  Identity who;
};

std::string encode(const Hello& hello);
std::string encode(const TreePlace& place);
std::string encode(const Join& join);
/// Nothing if the bytes are no such value.
std::optional<Hello> decode_hello(std::string_view body);
std::optional<TreePlace> decode_place(std::string_view body);
std::optional<Join> decode_join(std::string_view body);

/// "rank 3" or "ranks 3, 7-9", for messages; long lists end in "and 12 more". Ascending.
std::string describe_ranks(const std::vector<int>& ranks);

}  // namespace tutti
