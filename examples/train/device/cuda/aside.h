// Aside on a GPU: a stream of its own, or the accelerator's; and events around each piece, which
// say when it was under way and for how long the accelerator's stream stood still for it.

#pragma once

#include <deque>

#include "train/device/accelerator.h"
#include "train/device/cuda/events.h"

namespace tutti::train {

class CudaAside final : public Aside {
 public:
  /// Events and the accelerator's stream must outlive it.
  CudaAside(Events& events, cudaStream_t main, bool in_line);
  ~CudaAside() override;

  void* begin() override;
  long end() override;
  void await(long piece) override;
  bool ended(long piece) override;
  std::vector<PieceTimes> take_times() override;

 private:
  // In the order in which the device passes them. What is in line has only the first and `end`.
  struct Piece {
    cudaEvent_t issued = nullptr;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    cudaEvent_t wait_begin = nullptr;
    cudaEvent_t wait_end = nullptr;
  };

  Piece& at(long piece) { return pieces_[static_cast<std::size_t>(piece - first_)]; }
  bool is_done(const Piece& piece) const;
  PieceTimes times_of(const Piece& piece) const;
  void give_back(const Piece& piece);

  Events& events_;
  const cudaStream_t main_;
  const bool in_line_;
  cudaStream_t stream_ = nullptr;
  std::deque<Piece> pieces_;
  long first_ = 1;  // number of pieces_.front()
};

}  // namespace tutti::train
