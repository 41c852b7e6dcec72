// The worker's mode `check`: every collective, type and count once, with right results.

#pragma once

#include <span>

#include "tutti/tutti.h"

namespace tutti::multihost {

/// Prints what is wrong and a closing line. Whether all was right on this rank.
bool check_types(Communicator& comm, std::span<const DataType> types);
/// Of every size and kind of type.
bool check_everything(Communicator& comm);

}  // namespace tutti::multihost
