#include "executor/cuda/pieces.h"

namespace tutti::cuda {
Staging staging_of(const Demand& demand, std::size_t count) {
  const std::size_t part = count * demand.element;
  Staging staging;
  staging.output = staged_chunk(static_cast<std::size_t>(demand.most.input) * part);
  staging.rest = staging.output + staged_chunk(static_cast<std::size_t>(demand.most.output) * part);
  return staging;
}

std::size_t longest_piece(const Demand& demand, std::size_t scratch_bytes) {
  // In chunks, of which a part has demand.chunks: all are as long as each other.
  const std::size_t buffers = static_cast<std::size_t>(demand.most.input + demand.most.output) *
                              static_cast<std::size_t>(demand.chunks);
  const std::size_t chunks = buffers + static_cast<std::size_t>(demand.scratch_chunks);
  const std::size_t lost =
      2 * (1 + static_cast<std::size_t>(demand.scratch_chunks)) * kStagingAlignment;
  if (chunks == 0 || scratch_bytes <= lost) return 0;
  const std::size_t chunk = (scratch_bytes - lost) / chunks / demand.element;
  const std::size_t piece = chunk * static_cast<std::size_t>(demand.chunks);
  constexpr std::size_t kEven = 1024;  // elements: pieces begin where the vectors of any type do
  return piece > kEven ? piece / kEven * kEven : piece;
}

Status copy_in(Device& device, Stream stream, const Buffer& from, const Piece& piece,
               std::byte* staged, std::size_t element) {
  for (int part = 0; part < from.parts; ++part) {
    const std::size_t index = static_cast<std::size_t>(part);
    const std::byte* source = from.data + (index * from.part + piece.first) * element;
    const std::size_t bytes = piece.count * element;
    if (Status s = device.copy(stream, staged + index * bytes, source, bytes); !s.ok()) return s;
  }
  return {};
}

Status copy_out(Device& device, Stream stream, const std::byte* staged, const Piece& piece,
                const Buffer& to, std::size_t element) {
  for (int part = 0; part < to.parts; ++part) {
    const std::size_t index = static_cast<std::size_t>(part);
    std::byte* target = to.data + (index * to.part + piece.first) * element;
    const std::size_t bytes = piece.count * element;
    if (Status s = device.copy(stream, target, staged + index * bytes, bytes); !s.ok()) return s;
  }
  return {};
}

}  // namespace tutti::cuda
