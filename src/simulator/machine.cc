#include "simulator/machine.h"

#include <cmath>

namespace tutti {
namespace {

constexpr double kCached = 256 << 10, kShared = 4 << 20, kMemory = 64 << 20;

double between(double bytes, double from, double to, double at_from, double at_to) {
  const double share = std::log(bytes / from) / std::log(to / from);
  return at_from + share * (at_to - at_from);
}

}  // namespace

double Curve::at(double bytes) const {
  if (bytes <= kCached) return cached;
  if (bytes <= kShared) return between(bytes, kCached, kShared, cached, shared);
  if (bytes <= kMemory) return between(bytes, kShared, kMemory, shared, memory);
  return memory;
}

std::vector<int> regular_hosts(int hosts, int per_host) {
  std::vector<int> host_of;
  for (int host = 0; host < hosts; ++host) host_of.insert(host_of.end(), per_host, host);
  return host_of;
}

}  // namespace tutti
