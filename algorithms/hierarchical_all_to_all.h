// All-to-all for ranks on several hosts, composed of others: one inside hosts, one between them.

#pragma once

#include "algorithms/group.h"
#include "schedule/schedule.h"

namespace tutti {

/// With an all-to-all between hosts.
Schedule hierarchical_all_to_all(const Group& group, Schedule (*between)(const Group& group));
/// The same in place too: what goes out is out of the input before anything comes in.
Schedule hierarchical_staged_all_to_all(const Group& group,
                                        Schedule (*between)(const Group& group));

}  // namespace tutti
