// A message as the bytes of one datagram, and back.
//
//   key (16), version, sender (4), kind, number of news,
//   and for each: rank (4), fate, who says so (4), length of the reason, the reason
//
// The key is a secret of the group: strangers cannot make a datagram that is one of ours, and what
// they send changes nothing. Tested by heartbeat_datagram_test.cc.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "transports/heartbeat/news.h"

namespace tutti::heartbeat {

inline constexpr std::size_t kKeyBytes = 16;
/// Travels in one piece everywhere.
inline constexpr std::size_t kMaxDatagramBytes = 1200;

/// Appends the news if the message still fits into a datagram then.
bool add_if_fits(Message& message, const News& news);

/// REQUIRES: a key of kKeyBytes; that the message fits.
std::string encode(const Message& message, std::string_view key);
/// Nothing if the bytes are no message of this group, whose ranks are below `ranks`.
std::optional<Message> decode(std::string_view bytes, std::string_view key, int ranks);

}  // namespace tutti::heartbeat
