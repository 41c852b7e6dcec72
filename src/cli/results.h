// What a run found out, as values: rows that the table prints and the JSON document holds.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/shape.h"
#include "cli/statistics.h"

namespace tutti::cli {

/// The same call in another library.
struct Versus {
  std::string library;
  Times time;

  bool operator==(const Versus&) const = default;
};

/// One placement of a row. Nothing where it is not possible or was not asked for.
struct Outcome {
  std::string algorithm;
  std::string transports;
  Times time;
  std::optional<std::uint64_t> errors;  // wrong elements on all ranks; nothing when unchecked
  std::optional<Versus> vs;

  /// Their median by our median: above 1, we are faster.
  double ratio() const { return vs && time.median > 0 ? vs->time.median / time.median : 0; }

  bool operator==(const Outcome&) const = default;
};

struct Row {
  Problem problem;
  std::optional<Outcome> out_of_place;
  std::optional<Outcome> in_place;

  /// "ring", or "two_shot/ring" where the placements ran different ones.
  std::string algorithms() const;

  bool operator==(const Row&) const = default;
};

/// Where a rank runs.
struct RankPlace {
  std::string host;
  int pid = 0;
  int cpu = -1;              // the one it is bound to, or -1
  int host_number = 0;       // equal for ranks that the library takes to be on one host
  std::string machine = "";  // equal for ranks that share cores, whatever hosts they are on

  bool operator==(const RankPlace&) const = default;
};

/// How many hosts the ranks are on.
int host_count(const std::vector<RankPlace>& ranks);

/// About all rows together.
struct Summary {
  std::uint64_t errors = 0;
  bool checked = false;
  double average_busbw = 0;             // over every outcome
  std::vector<std::string> algorithms;  // each once, in the order met
  std::vector<std::string> transports;  // likewise
};

Summary summarize(const std::vector<Row>& rows);

}  // namespace tutti::cli
