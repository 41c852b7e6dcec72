// One window, as the parcels that arrive for it see it.
//
// Data may land in any order (rendezvous, several rails); signals show in the order sent. Called by
// whoever progresses the worker, one thread at a time. Tested by ucx_inbox_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "transports/ucx/wire.h"

namespace tutti::ucx {

class Inbox {
 public:
  /// `window` must outlive it.
  Inbox(std::span<std::byte> window, int ranks) : window_(window), senders_(ranks) {}

  /// Offsets from the window's end on are in it.
  void add_annex(std::span<std::byte> annex, MemoryKind kind) {
    annex_ = annex;
    annex_kind_ = kind;
  }

  /// Where a parcel's data belongs; null when it lies neither in the window nor in its annex, or
  /// names no rank.
  std::byte* place_of(const ParcelHeader& header) const;
  /// The kind of memory there, where it is the annex. REQUIRES: place_of(header) != nullptr.
  std::optional<MemoryKind> annex_of(const ParcelHeader& header) const {
    if (header.offset < window_.size() || header.bytes == 0) return {};
    return annex_kind_;
  }

  /// Whether all earlier parcels of its sender have landed. REQUIRES: place_of(header) != nullptr.
  bool is_next(const ParcelHeader& header) const {
    return header.sequence == senders_[header.sender].next;
  }

  /// The parcel's data is there: shows its lines, and those of later parcels that waited for it.
  /// REQUIRES: place_of(header) != nullptr. False for lines outside the window, and for a parcel
  /// that has come before.
  bool landed(const ParcelHeader& header, std::span<const std::byte> lines);

  int landings = 0;  // parcels whose data is being written at this moment

 private:
  struct Sender {
    std::uint64_t next = 0;                                 // the first parcel that has not landed
    std::map<std::uint64_t, std::vector<std::byte>> early;  // landed before that: their lines
  };

  bool show_lines(std::span<const std::byte> lines);

  std::span<std::byte> window_;
  std::span<std::byte> annex_;
  MemoryKind annex_kind_ = MemoryKind::kHost;
  std::vector<Sender> senders_;
};

}  // namespace tutti::ucx
