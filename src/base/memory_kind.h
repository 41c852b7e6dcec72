// Whose memory it is, as those ask who move it.

#pragma once

#include <cstdint>
#include <string_view>

namespace tutti {

enum class MemoryKind : std::uint8_t { kHost, kCuda };

/// "host", "cuda".
inline std::string_view name(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kHost:
      return "host";
    case MemoryKind::kCuda:
      return "cuda";
  }
  return "";
}

}  // namespace tutti
