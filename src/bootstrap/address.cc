// Tested by bootstrap_test.cc.

#include "bootstrap/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace tutti {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct LocalAddress {
  std::string interface;
  Address address;
};

// Bridges and virtual pairs have the same addresses on every host, so other hosts cannot reach
// this one by them.
bool is_container_bridge(const std::string& interface) {
  constexpr std::string_view kPrefixes[] = {"docker", "br-", "virbr", "veth", "cni", "podman"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](std::string_view prefix) { return interface.starts_with(prefix); });
}

// Hardware, bridges for containers, loopback.
int kind(const LocalAddress& local) {
  return local.address.is_loopback() ? 2 : is_container_bridge(local.interface) ? 1 : 0;
}

// Smaller is tried earlier.
int order(const LocalAddress& local) { return 2 * kind(local) + (local.address.is_ipv4() ? 0 : 1); }

bool is_usable(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr || (entry.ifa_flags & IFF_UP) == 0) return false;
  if (entry.ifa_addr->sa_family == AF_INET) return true;
  if (entry.ifa_addr->sa_family != AF_INET6) return false;
  return !IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr);
}

Result<std::vector<LocalAddress>> every_local_address() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return Status(Code::kSystem,
                  std::string("cannot list network interfaces: ") + std::strerror(errno));
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<LocalAddress> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (is_usable(*entry)) found.push_back({entry->ifa_name, address_of(entry->ifa_addr)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return order(a) < order(b); });
  return found;
}

std::string describe(const std::vector<LocalAddress>& known) {
  std::string text;
  for (const LocalAddress& local : known) {
    text += (text.empty() ? "" : ", ") + local.interface + " (" + local.address.to_string() + ")";
  }
  return text;
}

}  // namespace

bool Address::is_ipv4() const { return std::equal(kMapped.begin(), kMapped.end(), ip.begin()); }

bool Address::is_loopback() const {
  if (is_ipv4()) return ip[12] == 127;
  return std::all_of(ip.begin(), ip.end() - 1, [](auto b) { return b == 0; }) && ip[15] == 1;
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_ipv4()) {
    inet_ntop(AF_INET, ip.data() + kMapped.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  }
  return text;
}

std::string Endpoint::to_string() const {
  std::string text;
  for (const Address& address : addresses) {
    text += text.empty() ? "" : " or ";
    text += address.is_ipv4() ? "" : "[";
    text += address.to_string();
    text += address.is_ipv4() ? ":" : "]:";
    text += std::to_string(port);
  }
  return text;
}

SocketAddress socket_address(const Address& address, std::uint16_t port) {
  SocketAddress result;
  if (address.is_ipv4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&result.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, address.ip.data() + kMapped.size(), 4);
    result.size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&result.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    std::memcpy(&in->sin6_addr, address.ip.data(), 16);
    result.size = sizeof *in;
  }
  return result;
}

Address address_of(const sockaddr* address) {
  Address result;
  if (address->sa_family == AF_INET) {
    std::copy(kMapped.begin(), kMapped.end(), result.ip.begin());
    std::memcpy(result.ip.data() + kMapped.size(),
                &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
  } else {
    std::memcpy(result.ip.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
  }
  return result;
}

namespace {

// Those of one interface or address, best first.
Result<std::vector<LocalAddress>> chosen_addresses(const std::string& interface) {
  Result<std::vector<LocalAddress>> known = every_local_address();
  if (!known.ok()) return known.status();
  std::vector<LocalAddress> chosen;
  for (const LocalAddress& local : *known) {
    if (interface.empty() || interface == local.interface ||
        interface == local.address.to_string()) {
      chosen.push_back(local);
    }
  }
  if (!chosen.empty()) return chosen;
  return Status(Code::kInvalidArgument, "this host has no network interface or address '" +
                                            interface + "'; it has " + describe(*known));
}

}  // namespace

Result<std::vector<Address>> local_addresses(const std::string& interface) {
  const Result<std::vector<LocalAddress>> chosen = chosen_addresses(interface);
  if (!chosen.ok()) return chosen.status();
  std::vector<Address> addresses;
  for (const LocalAddress& local : *chosen) addresses.push_back(local.address);
  return addresses;
}

Result<std::vector<std::string>> local_interfaces(const std::string& interface) {
  const Result<std::vector<LocalAddress>> chosen = chosen_addresses(interface);
  if (!chosen.ok()) return chosen.status();
  std::vector<std::string> names;
  for (const LocalAddress& local : *chosen) {
    if (kind(local) != kind(chosen->front())) break;
    if (std::find(names.begin(), names.end(), local.interface) == names.end()) {
      names.push_back(local.interface);
    }
  }
  return names;
}

Result<std::vector<Address>> resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    return Status(Code::kInvalidArgument,
                  "cannot find the address of '" + host + "': " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  std::vector<Address> found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
      found.push_back(address_of(entry->ai_addr));
    }
  }
  return found;
}

}  // namespace tutti
