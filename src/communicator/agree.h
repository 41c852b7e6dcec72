// One outcome for all ranks. Tested by enqueue_test.cc.

#pragma once

#include "bootstrap/exchange.h"

namespace tutti {

/// OK when it is on every rank; otherwise the first rank's failure, naming it. Collective.
inline Status agree(Bootstrap& bootstrap, const Status& mine, Deadline deadline) {
  Result<std::string> text = std::string();
  if (!mine.ok()) text = mine;
  return exchange_or_fail(bootstrap, text, deadline).status();
}

}  // namespace tutti
