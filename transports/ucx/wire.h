// What travels between workers: parcels, and farewells.
//
// A parcel is one active message. Its header names a window of the receiver, and holds signals; its
// data, if any, belongs at one place of that window. Signals count once the data and all earlier
// parcels of the sender have landed.
//
//   header   ParcelHeader, then `lines` times LineHeader and its payload, padded to 8 bytes
//   data     `bytes` bytes for the window at `offset`, or for its annex, which begins at its end
//
// Numbers are as this machine has them: all ranks run the same library on the same architecture,
// which the start makes sure of. Nothing that arrives is trusted: lengths are checked.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "transports/transport.h"

namespace tutti::ucx {

inline constexpr unsigned kParcelId = 0;    // active message ids
inline constexpr unsigned kFarewellId = 1;  // "I end": answered, so that all before it has come
inline constexpr unsigned kAnswerId = 2;

struct ParcelHeader {
  std::uint32_t window = 0;    // as the receiver numbers its windows
  std::uint32_t sender = 0;    // its rank in the communicator of that window
  std::uint64_t sequence = 0;  // parcels of this sender to this window: 0, 1, …
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t lines = 0;
};

struct LineHeader {
  std::uint64_t offset = 0;
  std::uint64_t flag = 0;
  std::uint32_t signature = 0;
  std::uint32_t bytes = 0;  // of payload
};

/// Most bytes of a header: room for some ten signals, and within what any network sends at once.
inline constexpr std::size_t kMostHeaderBytes = 1024;

inline std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

/// A line at its place in a window.
struct LineAt {
  std::uint64_t offset = 0;
  Signal signal;  // its payload lies in the header
};

/// Reads the next line of a header and drops it; nothing when there is none that is whole.
inline std::optional<LineAt> take_line(std::span<const std::byte>& lines) {
  LineHeader header;
  if (lines.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, lines.data(), sizeof header);
  if (header.bytes > kInlineBytes || lines.size() < sizeof header + padded(header.bytes)) {
    return std::nullopt;
  }
  const LineAt line{header.offset,
                    {header.flag, header.signature, lines.subspan(sizeof header, header.bytes)}};
  lines = lines.subspan(sizeof header + padded(header.bytes));
  return line;
}

}  // namespace tutti::ucx
