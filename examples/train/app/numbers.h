// Numbers for people: three digits and a unit.

#pragma once

#include <fmt/format.h>

#include <string>

namespace tutti::train {

inline std::string scaled_text(double value, double base, const char* const* units, int count) {
  int unit = 0;
  for (; value >= 0.9995 * base && unit + 1 < count; ++unit) value /= base;
  if (unit == 0) return fmt::format("{:.0f}{}", value, units[0]);
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, units[unit]);
}

/// "3.41 M".
inline std::string count_text(double value) {
  constexpr const char* kUnits[] = {"", " k", " M", " G", " T", " P", " E"};
  return scaled_text(value, 1000, kUnits, 7);
}

/// "12.5 MiB".
inline std::string bytes_text(double value) {
  constexpr const char* kUnits[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  return scaled_text(value, 1024, kUnits, 6);
}

}  // namespace tutti::train
