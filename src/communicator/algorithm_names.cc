// Which algorithms a caller may name; asks the catalog.

#include "algorithms/catalog.h"
#include "tutti/algorithms.h"

namespace tutti {

std::vector<std::string> algorithm_names(Collective collective, int ranks) {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.collective != collective) continue;
    if (!allows(algorithm, ranks)) continue;
    names.emplace_back(algorithm.name);
  }
  return names;
}

}  // namespace tutti
