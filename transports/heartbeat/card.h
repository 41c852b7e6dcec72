// What ranks have to know of each other before hearts can beat, and how they agree on outcomes.
//
// Failures travel as cards do, so that one rank's failure is everybody's. Tested by
// heartbeat_test.cc.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "bootstrap/introductions.h"

namespace tutti::heartbeat {

/// A value that travels as bytes.
struct Card {
  Hello hello;      // who and where, as at a start; its patience is the timeout
  std::string key;  // rank 0's only: the group's
};

/// Everybody's cards, in rank order, once they fit together; or the failure of the first rank that
/// has one, naming it: the same on all ranks. Collective.
Result<std::vector<Card>> exchange(Bootstrap& bootstrap, const Result<Card>& mine,
                                   Deadline deadline);

/// OK if it is on all ranks; otherwise as above. Collective.
Status agree(Bootstrap& bootstrap, const Status& mine, Deadline deadline);

}  // namespace tutti::heartbeat
