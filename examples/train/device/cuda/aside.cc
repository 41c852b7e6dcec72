#include "train/device/cuda/aside.h"

namespace tutti::train {

CudaAside::CudaAside(Events& events, cudaStream_t main, bool in_line)
    : events_(events), main_(main), in_line_(in_line), stream_(main) {
  if (!in_line) must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream");
}

// The driver keeps a stream until it has done all.
CudaAside::~CudaAside() {
  for (const Piece& piece : pieces_) give_back(piece);
  if (!in_line_) cudaStreamDestroy(stream_);
}

void* CudaAside::begin() {
  Piece& piece = pieces_.emplace_back();
  piece.issued = events_.record(main_);
  if (in_line_) return stream_;
  must(cudaStreamWaitEvent(stream_, piece.issued, 0), "wait of a stream");
  piece.begin = events_.record(stream_);
  return stream_;
}

long CudaAside::end() {
  pieces_.back().end = events_.record(stream_);
  return first_ + static_cast<long>(pieces_.size()) - 1;
}

void CudaAside::await(long piece) {
  if (in_line_) return;
  Piece& awaited = at(piece);
  awaited.wait_begin = events_.record(main_);
  must(cudaStreamWaitEvent(main_, awaited.end, 0), "wait of a stream");
  awaited.wait_end = events_.record(main_);
}

bool CudaAside::ended(long piece) { return Events::has_passed(at(piece).end); }

bool CudaAside::is_done(const Piece& piece) const {
  const cudaEvent_t last = in_line_ ? piece.end : piece.wait_end;
  return last != nullptr && Events::has_passed(last);
}

PieceTimes CudaAside::times_of(const Piece& piece) const {
  const PieceTimes::Clock::time_point issued = events_.time_of(piece.issued);
  const auto time_of = [&](cudaEvent_t event) {
    return issued + Events::between(piece.issued, event);
  };
  const auto end = time_of(piece.end);
  if (in_line_) return {issued, end, issued, end};
  return {time_of(piece.begin), end, time_of(piece.wait_begin), time_of(piece.wait_end)};
}

std::vector<PieceTimes> CudaAside::take_times() {
  std::vector<PieceTimes> times;
  for (; !pieces_.empty() && is_done(pieces_.front()); ++first_) {
    times.push_back(times_of(pieces_.front()));
    give_back(pieces_.front());
    pieces_.pop_front();
  }
  return times;
}

void CudaAside::give_back(const Piece& piece) {
  for (const cudaEvent_t event :
       {piece.issued, piece.begin, piece.end, piece.wait_begin, piece.wait_end}) {
    events_.give_back(event);
  }
}

}  // namespace tutti::train
