#include "executor/window.h"

#include <algorithm>

namespace tutti {
namespace {

std::size_t pages(std::size_t bytes) {
  return (bytes + WindowLayout::kPage - 1) / WindowLayout::kPage * WindowLayout::kPage;
}

}  // namespace

static_assert(sizeof(Control) <= 4096);

WindowLayout::WindowLayout(int ranks, std::size_t scratch_bytes, std::size_t heap_bytes)
    : ranks(ranks), scratch_bytes(pages(scratch_bytes)), heap_bytes(pages(heap_bytes)) {
  credits = kPage;
  reasons = credits + pages(4 * ranks * kLineBytes);
  invitations = reasons + pages(ranks * kFailureText);
  lines = invitations + pages(ranks * sizeof(ShrinkInvitation));
  line_bytes = lines_of(ranks) * kLineBytes;
  scratch = lines + pages(line_bytes);
  inboxes = scratch + this->scratch_bytes;
  heap = inboxes + ranks * kInboxBytes;
  total = heap + this->heap_bytes;
}

}  // namespace tutti
