#include "plan/cut.h"

#include <algorithm>

#include "base/check.h"

namespace tutti {
namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
}

}  // namespace

std::size_t fit_tile(std::size_t wanted, int scratch_chunks, int lanes, std::size_t scratch_bytes) {
  if (scratch_chunks == 0) return wanted;
  const std::size_t most = scratch_bytes / (static_cast<std::size_t>(scratch_chunks) * (lanes + 2));
  const std::size_t tile = std::min(wanted, most);
  return tile >= 64 ? tile / 64 * 64 : tile;
}

std::size_t least_scratch(int scratch_chunks, std::size_t element) {
  // A third of two aligned pieces holds an element of this size.
  const bool is_small = element <= kScratchAlignment / 2;
  return scratch_chunks * (is_small ? 2 * kScratchAlignment : 3 * aligned(element));
}

Cut cut(const Needs& needs, const Room& room, std::size_t piece, std::size_t element,
        const Wish& wish) {
  // An element is not cut.
  const std::size_t least = aligned(std::max<std::size_t>(element, 1));
  const std::size_t wanted = std::max(wish.tile_bytes, least > kScratchAlignment ? least : 0);
  const std::size_t width = static_cast<std::size_t>(needs.lines) * needs.width;
  TUTTI_CHECK(2 * width <= room.lines, "%zu lines", width);
  int lanes = std::clamp(wish.lanes, 1, kMostLanes);
  const auto fits = [&] {
    return width * (lanes + 1) <= room.lines &&
           fit_tile(wanted, needs.scratch_chunks, lanes, room.scratch_bytes) >= least;
  };
  while (lanes > 1 && !fits()) --lanes;
  piece = std::max<std::size_t>(piece, 1);
  const std::size_t whole = piece * element;
  // A call that fits one block needs room for one, not for lanes.
  std::size_t tile = 0;
  if (whole <= wanted) {
    tile = fit_tile(whole + 63, needs.scratch_chunks, 2, room.scratch_bytes);
  }
  if (tile < whole) {
    tile = fit_tile(wanted, needs.scratch_chunks, lanes, room.scratch_bytes);
  }
  Cut result;
  result.tile = std::min(piece, tile / element);
  result.blocks = std::max<std::size_t>(1, (piece + result.tile - 1) / result.tile);
  result.lanes = static_cast<int>(std::min<std::size_t>(lanes, result.blocks));
  return result;
}

}  // namespace tutti
