#include "simulator/simulate.h"

#include <algorithm>

#include "simulator/stage_hands.h"

namespace tutti {
namespace {

// Fewer do not tell a pace, whatever is asked for.
std::size_t simulated_blocks(const SimulatedCall& call, std::size_t most) {
  const std::size_t least = 8 * static_cast<std::size_t>(call.lanes);
  return most == 0 ? call.blocks : std::min(call.blocks, std::max(most, least));
}

// Seconds from one block's end to the next one's, when as many are in flight as can be: the first
// blocks and the last ones have company of fewer. Blocks may end in bunches, as many as there are
// lanes.
double pace_of(const StageHands& hands, const SimulatedCall& shown) {
  const auto lanes = static_cast<std::size_t>(shown.lanes);
  const std::size_t last = shown.blocks - 1 - lanes;
  const std::size_t count = std::max<std::size_t>((last + 1 - lanes) / lanes, 1) * lanes;
  return (hands.all_ended(last) - hands.all_ended(last - count)) / static_cast<double>(count);
}

}  // namespace

Simulated simulate(const Cast& cast, const Machine& machine, const SimulatedCall& call,
                   const SimulationSettings& settings) {
  SimulatedCall shown = call;
  shown.blocks = simulated_blocks(call, settings.most_blocks);
  // A short last block would disturb the pace.
  if (shown.blocks < call.blocks) shown.piece_bytes = shown.blocks * shown.tile_bytes;
  StageHands hands(cast, machine, shown, settings);
  hands.run();
  Simulated result = hands.result();
  if (shown.blocks == call.blocks) return result;

  const double pace = pace_of(hands, shown);
  const double scale = static_cast<double>(call.piece_bytes) / shown.piece_bytes;
  const double rest = pace * (call.blocks - shown.blocks);
  result.seconds += rest;
  for (double& end : result.ends) end += rest;
  for (double& bytes : result.link_bytes) bytes *= scale;
  return result;
}

}  // namespace tutti
