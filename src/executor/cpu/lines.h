// Payloads that travel in the lines of a signal.
//
// A payload of more than a line takes several, each with a flag of its own: a reader that polls all
// of them has the data as soon as the last has come, while data behind one flag would cost another
// trip of a cache line.

#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "transports/transport.h"

namespace tutti {

/// A call to memcpy costs more than the copy of a word.
inline void copy_few(std::byte* target, const std::byte* source, std::size_t bytes) {
  if (bytes == 8) {
    std::memcpy(target, source, 8);
  } else if (bytes == 4) {
    std::memcpy(target, source, 4);
  } else {
    std::memcpy(target, source, bytes);
  }
}

/// Fills `width` lines of mapped memory. REQUIRES: payload.size() <= width * kInlineBytes.
inline void give_lines(Line* line, int width, std::span<const std::byte> payload,
                       std::uint32_t signature, std::uint64_t flag) {
  for (int i = 0; i < width; ++i, ++line) {
    const std::size_t bytes = std::min(payload.size(), kInlineBytes);
    if (bytes != 0) copy_few(line->payload, payload.data(), bytes);
    payload = payload.subspan(bytes);
    line->signature = signature;
    line->bytes = static_cast<std::uint32_t>(bytes);
    // Publishes the line and all that was stored before; pairs with the acquire in have_come().
    line->flag.store(flag, std::memory_order_release);
  }
}

/// Whether all `width` lines show `flag`. Looks at all of them, so that they come at once.
inline bool have_come(const Line* line, int width, std::uint64_t flag) {
  bool all = true;
  for (int i = 0; i < width; ++i) all &= line[i].flag.load(std::memory_order_acquire) == flag;
  return all;
}

/// Copies the payload of `width` lines, at most `room` bytes of it. REQUIRES: have_come().
inline void copy_payload(const Line* line, int width, std::byte* target, std::size_t room) {
  for (int i = 0; i < width && room != 0; ++i, ++line) {
    const std::size_t bytes = std::min<std::size_t>(room, line->bytes);
    if (bytes != 0) copy_few(target, line->payload, bytes);
    target += bytes;
    room -= bytes;
  }
}

}  // namespace tutti
