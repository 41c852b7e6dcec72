#include "executor/cuda/copies.h"

namespace tutti::cuda {

Status read_from_peers(Device& device, const Team& team, const CopiedCall& call, Stream stream) {
  const std::size_t bytes = call.piece.count * call.element;
  const std::size_t in_scratch =
      call.collective == Collective::kAllToAll ? static_cast<std::size_t>(team.rank) * bytes : 0;
  for (int i = 0; i < team.ranks; ++i) {
    const int peer = (team.rank + i) % team.ranks;
    if (peer == team.rank && call.in_place) continue;
    const auto* const board = reinterpret_cast<const std::byte*>(team.boards[peer]);
    const std::byte* const source = board + scratch_offset(team.ranks) + in_scratch;
    const std::size_t part = static_cast<std::size_t>(peer) * call.output.part;
    std::byte* const target = call.output.data + (part + call.piece.first) * call.element;
    if (Status s = device.copy(stream, target, source, bytes); !s.ok()) return s;
  }
  return {};
}

}  // namespace tutti::cuda
