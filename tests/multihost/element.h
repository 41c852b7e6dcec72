// Small integers as elements of any type, so that sums are exact and results compare bit by bit.

#pragma once

#include <cstddef>
#include <span>

#include "tutti/types.h"

namespace tutti::multihost {

/// The largest magnitude that every type holds: an int8_t's.
inline constexpr int kLargest = 127;

/// Writes `value` as an element. REQUIRES: |value| <= kLargest, not negative for unsigned types.
void store(std::byte* element, DataType type, int value);

/// The element's value, for messages; rounded towards zero.
long load(const std::byte* element, DataType type);

/// Whether values of the type can be negative.
bool is_signed(DataType type);

}  // namespace tutti::multihost
