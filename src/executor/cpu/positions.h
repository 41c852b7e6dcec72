// Where ranks are, read from the records in their windows: the words of errors.

#pragma once

#include <optional>
#include <string>

#include "executor/cpu/entry.h"

namespace tutti {

/// The call that a rank announced under a sequence number, while its record still holds it.
struct Announced {
  Signature signature;
  std::uint64_t chain = 0;
  std::int64_t waiting_since_ns = 0;
};
std::optional<Announced> announced(const Site& site, int rank, std::uint64_t sequence);

/// The first call, at or before `sequence`, that `rank` announced differently from this rank, as a
/// sentence; "" when none is on record.
std::string first_difference(const Site& site, int rank, std::uint64_t sequence);

/// "rank 3 (pid 812) has not entered; it has ended all_gather #1041", for every rank that has not
/// entered call `sequence`; "" when all have.
std::string missing_ranks(const Site& site, std::uint64_t sequence);

}  // namespace tutti
