// The worker's mode `check`: every collective, type and shape once, with right results.

#pragma once

#include "tutti/tutti.h"

namespace tutti::multihost {

/// Prints what is wrong and a closing line. Whether all was right on this rank.
bool check_everything(Communicator& comm);

}  // namespace tutti::multihost
