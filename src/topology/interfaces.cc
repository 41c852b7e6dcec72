#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <memory>

#include "topology/ports.h"

namespace tutti {

std::vector<Interface> interfaces() {
  std::vector<Interface> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    // Every interface has one entry of this family, whether it has addresses or not.
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) continue;
    const unsigned up = IFF_UP | IFF_RUNNING;
    found.push_back({.name = entry->ifa_name,
                     .is_up = (entry->ifa_flags & up) == up,
                     .is_loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return found;
}

}  // namespace tutti
