// A signal is one cache line, with room for a payload beside its flag.

#pragma once

#include <cstddef>

namespace tutti {

inline constexpr std::size_t kLineBytes = 64;
inline constexpr std::size_t kInlineBytes = 48;

}  // namespace tutti
