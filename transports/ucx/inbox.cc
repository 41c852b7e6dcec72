// Parcels into a window. Tested by ucx_inbox_test.cc.

#include "transports/ucx/inbox.h"

namespace tutti::ucx {

std::byte* Inbox::place_of(const ParcelHeader& header) const {
  if (header.sender >= senders_.size()) return nullptr;
  const auto place_in = [&header](std::span<std::byte> memory, std::uint64_t offset) {
    const bool inside = offset <= memory.size() && header.bytes <= memory.size() - offset;
    return inside ? memory.data() + offset : nullptr;
  };
  const bool in_annex = header.offset >= window_.size() && header.bytes != 0;
  return in_annex ? place_in(annex_, header.offset - window_.size())
                  : place_in(window_, header.offset);
}

bool Inbox::landed(const ParcelHeader& header, std::span<const std::byte> lines) {
  Sender& sender = senders_[header.sender];
  if (header.sequence < sender.next) return false;
  if (header.sequence != sender.next) {
    return sender.early.try_emplace(header.sequence, lines.begin(), lines.end()).second;
  }
  bool good = show_lines(lines);
  ++sender.next;
  for (auto at = sender.early.begin(); at != sender.early.end() && at->first == sender.next;) {
    good &= show_lines(at->second);
    ++sender.next;
    at = sender.early.erase(at);
  }
  return good;
}

bool Inbox::show_lines(std::span<const std::byte> lines) {
  while (!lines.empty()) {
    const std::optional<LineAt> line = take_line(lines);
    const bool good = line && line->offset % kLineBytes == 0 && line->offset < window_.size() &&
                      kLineBytes <= window_.size() - line->offset;
    if (!good) return false;
    show(*reinterpret_cast<Line*>(window_.data() + line->offset), line->signal);
  }
  return true;
}

}  // namespace tutti::ucx
