#include "simulator/simulate.h"

#include <algorithm>

#include "simulator/stage_hands.h"

namespace tutti {
namespace {

// Fewer do not tell a pace, whatever is asked for.
std::size_t simulated_blocks(const SimulatedCall& call, std::size_t most) {
  const std::size_t least = 4 * static_cast<std::size_t>(call.lanes);
  return most == 0 ? call.blocks : std::min(call.blocks, std::max(most, least));
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

  // Blocks may end in bunches, as many as are in flight.
  const std::size_t paced = std::max<std::size_t>(shown.blocks / 2 / call.lanes, 1) * call.lanes;
  const double pace = (result.seconds - hands.all_ended(shown.blocks - 1 - paced)) / paced;
  const double scale = static_cast<double>(call.piece_bytes) / shown.piece_bytes;
  const double rest = pace * (call.blocks - shown.blocks);
  result.seconds += rest;
  for (double& end : result.ends) end += rest;
  for (double& bytes : result.link_bytes) bytes *= scale;
  return result;
}

}  // namespace tutti
