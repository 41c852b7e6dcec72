// Sets of processors as text: Linux's lists ("0-15,64-79") and masks ("0000ffff,00000000").
//
// Tested by number_list_test.cc.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

/// Numbers are below this one. Linux is built for at most 8192 processors; some machines number
/// their cores with gaps.
inline constexpr int kNumberLimit = 1 << 16;

/// "0-15,64-79": numbers in their order, runs of successive ones shortened.
std::string to_list(const std::vector<int>& numbers);

/// What to_list() wrote; nothing where it is no such list, or a number is not below the limit.
/// A text's size bounds nothing ("0-65535" is short), so `most` bounds how many numbers come of it.
std::optional<std::vector<int>> from_list(std::string_view text, std::size_t most);

/// Linux's cpumap, without leading groups of zeros: 32 processors a group, the highest first.
/// REQUIRES: 0 <= processor < kNumberLimit.
std::string to_mask(const std::vector<int>& processors);

/// Ascending; nothing where `text` is no such mask.
std::optional<std::vector<int>> from_mask(std::string_view text);

/// A list in pieces of at most `longest` characters, each a list. REQUIRES: longest >= 11.
std::vector<std::string> in_pieces(std::string_view list, std::size_t longest);

}  // namespace tutti
