// Tested by heartbeat_watch_test.cc.

#include "transports/heartbeat/neighbours.h"

#include <algorithm>

namespace tutti::heartbeat {

std::vector<int> neighbours(int place, int places) {
  std::vector<int> found;
  for (long long distance = 1; distance < places; distance *= 2) {
    found.push_back(static_cast<int>((place + distance) % places));
    found.push_back(static_cast<int>((place + places - distance) % places));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace tutti::heartbeat
