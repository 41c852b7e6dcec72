// Which algorithms a caller may name; asks the catalog.

#include "algorithms/catalog.h"
#include "tutti/algorithms.h"

namespace tutti {
namespace {

std::vector<std::string> names_of(Collective collective, const Group& group) {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : catalog()) {
    if (algorithm.collective != collective) continue;
    if (!allows(algorithm, group)) continue;
    names.emplace_back(algorithm.name);
  }
  return names;
}

}  // namespace

std::vector<std::string> algorithm_names(Collective collective, int ranks) {
  return names_of(collective, ranks);
}

std::vector<std::string> algorithm_names(Collective collective, const std::vector<int>& host_of) {
  return names_of(collective, Group::on_hosts(host_of));
}

}  // namespace tutti
