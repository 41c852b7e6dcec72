// Topologies that no machine has, for whoever must keep every one of their values.

#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

class RandomTopology {
 public:
  explicit RandomTopology(unsigned seed) : random_(seed) {}

  Topology topology() {
    Topology made;
    const int hosts = up_to(3);
    for (int i = 0; i < hosts; ++i) made.hosts.push_back(host(i));
    return made;
  }

 private:
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  bool chance() { return up_to(1) == 1; }
  int any_int() { return static_cast<int>(random_()); }
  long any_long() { return static_cast<long>(random_() >> 1); }  // not negative

  // Every character that XML and its readers do something about.
  std::string text() {
    static const std::vector<std::string> parts = {
        "",      "0x1d0f",  "16.0 GT/s PCIe",      "a&b",  "<",    ">",
        "\"",    "'",       " two  blanks ",       "\n",   "\t\r", "é",
        "&amp;", "x=\"y\"", std::string(300, 'l'), "\x01", "\xff"};
    return parts[static_cast<std::size_t>(up_to(static_cast<int>(parts.size()) - 1))];
  }

  double any_real() {
    const double made = std::abs(std::bit_cast<double>(random_()));
    return std::isfinite(made) ? made : 0;
  }

  OtherAttributes other() {
    OtherAttributes made;
    if (chance()) made["keep"] = text();
    if (chance()) made["gin"] = text();
    return made;
  }

  // Ascending, each once; at times so many that NCCL cannot read them in one value.
  std::vector<int> processors() {
    static const std::vector<int> sizes = {0, 1, 8, 64, 1024, 65535};
    const int below = sizes[static_cast<std::size_t>(up_to(5))];
    std::set<int> made;
    for (int i = up_to(200); i > 0; --i) made.insert(up_to(below));
    return {made.begin(), made.end()};
  }

  std::string bus() {
    char made[16];
    std::snprintf(made, sizeof made, "%04x:%02x:%02x.%x", up_to(0xffff), up_to(255), up_to(31),
                  up_to(7));
    return made;
  }

  Gpu gpu() {
    Gpu made;
    made.device = up_to(15);
    made.sm = up_to(120);
    made.rank = up_to(100) - 1;
    made.rdma = chance();
    for (int i = up_to(3); i > 0; --i) made.nvlinks.push_back({bus(), up_to(18), text()});
    for (int i = up_to(1); i > 0; --i) made.c2c.push_back({any_long(), up_to(10)});
    made.other = other();
    return made;
  }

  Net net() {
    Net made;
    made.name = text();
    made.device = any_int();
    made.speed = any_long();
    made.port = up_to(2);
    if (made.port > 0 && !made.name.empty()) {
      made.name.append(":").append(std::to_string(made.port));
    }
    made.guid = text();
    made.latency = any_real();
    made.max_connections = any_int();
    made.rdma = chance();
    made.collectives = chance();
    made.other = other();
    return made;
  }

  std::vector<Net> nets() {
    std::vector<Net> made;
    for (int i = up_to(2); i > 0; --i) made.push_back(net());
    return made;
  }

  PciDevice device(int depth) {
    PciDevice made;
    made.bus = bus();
    made.class_code = text();
    made.vendor = text();
    made.device = text();
    made.subsystem_vendor = text();
    made.subsystem_device = text();
    made.link_speed = text();
    made.link_width = up_to(32);
    for (int i = up_to(2); i > 0; --i) made.links.push_back(bus());
    if (chance()) made.gpu = gpu();
    made.nets = nets();
    if (depth < 4) made.devices = devices(depth + 1);
    made.other = other();
    return made;
  }

  std::vector<PciDevice> devices(int depth) {
    std::vector<PciDevice> made;
    for (int i = up_to(2); i > 0; --i) made.push_back(device(depth));
    return made;
  }

  Cpu cpu() {
    Cpu made;
    made.numa = any_int();
    made.cpus = processors();
    made.package = any_int();
    made.arch = text();
    made.vendor = text();
    made.family = any_int();
    made.model = any_int();
    made.memory_bytes = static_cast<std::size_t>(any_long());
    if (chance()) {
      for (std::size_t i = 0; i < made.cpus.size(); ++i) made.cores.push_back(up_to(65535));
    }
    for (int i = up_to(2); i > 0; --i) {
      made.caches.push_back({up_to(4), static_cast<std::size_t>(any_long()), processors()});
    }
    made.devices = devices(0);
    made.nets = nets();
    for (int i = up_to(2); i > 0; --i) made.ranks.push_back({up_to(1000), processors()});
    made.other = other();
    return made;
  }

  TopologyHost host(int number) {
    TopologyHost made;
    made.name = text();
    made.fabric = text();
    if (number > 0) made.id = text() + std::to_string(number);  // ids of hosts differ
    for (int i = up_to(2); i > 0; --i) made.cpus.push_back(cpu());
    return made;
  }

  std::mt19937_64 random_;
};

}  // namespace tutti
