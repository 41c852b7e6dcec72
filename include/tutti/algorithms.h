// The algorithms that Options::algorithm can name.

#pragma once

#include <string>
#include <vector>

#include "tutti/api.h"
#include "tutti/types.h"

namespace tutti {

/// Names of the catalogued algorithms for a collective among so many ranks, in the catalog's order.
TUTTI_API std::vector<std::string> algorithm_names(Collective collective, int ranks);
/// The same among ranks on hosts, as Formation::host_of says.
TUTTI_API std::vector<std::string> algorithm_names(Collective collective,
                                                   const std::vector<int>& host_of);

}  // namespace tutti
