// Rules of people who know better: which calls go which way, whatever the model says.
//
//   # collective  conditions…                          ->  algorithm  [tile=…] [lanes=…]
//   all_reduce    bytes=0..16K ranks=2..8              ->  one_shot
//   all_reduce    bytes=16M.. type=float hosts=2..   ->  ring tile=256K lanes=4
//   *             bytes=1G..                           ->  lanes=2
//
// A line a rule; the first that fits a call counts. Ranges include both ends; either may be left
// out. Conditions: bytes (of the largest buffer), ranks, hosts, type.
//
// Tested by rules_test.cc.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/group.h"
#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti {

struct Bounds {
  std::size_t least = 0;
  std::size_t most = ~std::size_t{0};

  bool holds(std::size_t value) const { return value >= least && value <= most; }
  bool operator==(const Bounds&) const = default;
};

struct Rule {
  std::optional<Collective> collective;  // none: all of them
  std::optional<DataType> type;
  Bounds bytes;
  Bounds ranks;
  Bounds hosts;
  std::string algorithm;       // "": left to the model
  std::size_t tile_bytes = 0;  // 0: left to the model
  int lanes = 0;

  bool operator==(const Rule&) const = default;
};

class Rules {
 public:
  Rules() = default;

  /// kInvalidArgument names the line, and what was expected.
  static Result<Rules> parse(std::string_view text);

  /// The first that fits; null: none does.
  const Rule* find(Collective collective, DataType type, std::size_t bytes,
                   const Group& group) const;

  bool operator==(const Rules&) const = default;

 private:
  std::vector<Rule> rules_;
};

}  // namespace tutti
