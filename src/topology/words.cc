// Tested by topology_text_test.cc.

#include "topology/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "topology/number_list.h"

namespace tutti {
namespace {

// Three digits: "1.5", "24", "512".
std::string short_number(double value) {
  std::array<char, 32> text{};
  const bool whole = value >= 99.95 || std::abs(value - std::round(value)) < 0.05;
  std::snprintf(text.data(), text.size(), whole ? "%.0f" : "%.1f", value);
  return text.data();
}

}  // namespace

std::string bytes_text(std::size_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return short_number(value) + " " + kUnits[unit];
}

std::string speed_text(long megabits) {
  if (megabits <= 0) return "speed unknown";
  if (megabits < 1000) return std::to_string(megabits) + " Mbit/s";
  return short_number(static_cast<double>(megabits) / 1000) + " Gbit/s";
}

std::string bandwidth_text(double gigabytes_per_second) {
  return short_number(gigabytes_per_second) + " GB/s";
}

std::string counted(int count, const std::string& what) {
  const bool hisses = what.ends_with("ch");
  return std::to_string(count) + " " + what + (count == 1 ? "" : hisses ? "es" : "s");
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

std::string ranks_text(std::vector<int> ranks) {
  if (ranks.empty()) return "";
  std::sort(ranks.begin(), ranks.end());
  return (ranks.size() == 1 ? "rank " : "ranks ") + to_list(ranks);
}

std::string host_name(const Topology& topology, int host) {
  const std::string& name = topology.hosts[static_cast<std::size_t>(host)].name;
  return name.empty() ? "host " + std::to_string(host) : name;
}

}  // namespace tutti
