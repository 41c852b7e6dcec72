// What a rank sends to one peer: parcels under construction and under way.
//
// Built and numbered by the thread that sends; done under the worker's lock.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>

#include "base/check.h"
#include "transports/ucx/wire.h"

namespace tutti::ucx {

/// Counts the parcels with data to one peer: how many were sent, and how many of the first of them
/// are no longer read here.
class Tickets {
 public:
  std::uint64_t issue() { return issued_++; }
  std::uint64_t issued() const { return issued_; }

  /// The parcel with this ticket is done; in any order.
  void done(std::uint64_t ticket) {
    const std::uint64_t first = done_.load(std::memory_order_relaxed);
    if (ticket != first) {
      early_.insert(ticket);
      return;
    }
    std::uint64_t next = first + 1;
    while (!early_.empty() && *early_.begin() == next) early_.erase(early_.begin()), ++next;
    // Release: the parcel was read before; pairs with the acquire of whoever changes its source.
    done_.store(next, std::memory_order_release);
  }

  /// From any thread.
  std::uint64_t done() const { return done_.load(std::memory_order_acquire); }

 private:
  std::uint64_t issued_ = 0;
  std::atomic<std::uint64_t> done_{0};
  std::set<std::uint64_t> early_;
};

struct Peer;

/// One active message, from its first line until UCX is done with it.
class Parcel {
 public:
  Peer* peer = nullptr;  // that it is under way to

  bool empty() const { return header_.lines == 0 && data_.empty(); }
  bool has_data() const { return !data_.empty(); }
  bool has_room_for(const Signal& signal) const {
    return header_bytes_ + sizeof(LineHeader) + padded(signal.payload.size()) <= kMostHeaderBytes;
  }

  /// `annex`: the kind of memory, where it goes from a device to a device. REQUIRES: !has_data().
  void set_data(std::span<const std::byte> data, std::size_t offset,
                std::optional<MemoryKind> annex) {
    data_ = data;
    annex_ = annex;
    header_.offset = offset;
    header_.bytes = static_cast<std::uint32_t>(data.size());
  }

  /// REQUIRES: has_room_for(signal).
  void add_line(std::size_t offset, const Signal& signal) {
    const std::size_t bytes = signal.payload.size();
    const LineHeader line{offset, signal.flag, signal.signature, static_cast<std::uint32_t>(bytes)};
    std::memcpy(bytes_.data() + header_bytes_, &line, sizeof line);
    if (bytes != 0) {
      std::memcpy(bytes_.data() + header_bytes_ + sizeof line, signal.payload.data(), bytes);
    }
    header_bytes_ += sizeof line + padded(bytes);
    ++header_.lines;
  }

  /// Ready to go. The Tickets get the parcel's ticket back when it is done; null for none.
  void seal(std::uint32_t window, int sender, std::uint64_t sequence, Tickets* tickets) {
    header_.window = window;
    header_.sender = static_cast<std::uint32_t>(sender);
    header_.sequence = sequence;
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    tickets_ = has_data() ? tickets : nullptr;
    if (tickets_ != nullptr) ticket_ = tickets_->issue();
  }

  std::span<const std::byte> header() const { return std::span(bytes_).first(header_bytes_); }
  std::span<const std::byte> data() const { return data_; }
  std::optional<MemoryKind> annex() const { return annex_; }

  /// Done: nothing of it is read any more. It can be used again.
  void finish() {
    if (tickets_ != nullptr) tickets_->done(ticket_);
    tickets_ = nullptr;
    header_ = {};
    header_bytes_ = sizeof(ParcelHeader);
    data_ = {};
    annex_.reset();
  }

 private:
  ParcelHeader header_;
  std::size_t header_bytes_ = sizeof(ParcelHeader);
  std::span<const std::byte> data_;
  std::optional<MemoryKind> annex_;
  Tickets* tickets_ = nullptr;  // of its peer, which outlives it
  std::uint64_t ticket_ = 0;
  alignas(8) std::array<std::byte, kMostHeaderBytes> bytes_;
};

}  // namespace tutti::ucx
