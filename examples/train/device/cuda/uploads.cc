#include "train/device/cuda/uploads.h"

#include <cstring>

namespace tutti::train {

Uploads::~Uploads() {
  places_.retire(
      [](cudaEvent_t event) { return cudaEventSynchronize(event) != cudaErrorNotReady; });
  if (ring_ != nullptr) cudaFreeHost(ring_);
}

void Uploads::write(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (ring_ == nullptr) {
    must(cudaMallocHost(reinterpret_cast<void**>(&ring_), kRing), "pinned memory");
  }
  for (std::size_t done = 0; done < bytes; done += kPiece) {
    write_piece(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done,
                std::min(kPiece, bytes - done), stream);
  }
}

void Uploads::write_piece(std::byte* to, const std::byte* from, std::size_t bytes,
                          cudaStream_t stream) {
  places_.retire([&](cudaEvent_t event) {
    const bool is_free = Events::has_passed(event);
    if (is_free) events_.give_back(event);
    return is_free;
  });
  std::byte* const room = ring_ + places_.next(bytes, [&](cudaEvent_t event) {
    must(cudaEventSynchronize(event), "copy to the GPU");
    events_.give_back(event);
  });
  std::memcpy(room, from, bytes);
  must(cudaMemcpyAsync(to, room, bytes, cudaMemcpyHostToDevice, stream), "copy to the GPU");
  places_.take(events_.record(stream));
}

}  // namespace tutti::train
