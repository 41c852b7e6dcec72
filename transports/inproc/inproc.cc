// A transport for tests. Tested by transport_test.cc and inproc_test.cc.

#include "transports/inproc/inproc.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/check.h"
#include "transports/inproc/courier.h"

namespace tutti {

void InprocFaults::cut(int from, int to) {
  const std::lock_guard lock(mutex_);
  cut_.emplace(from, to);
}

void InprocFaults::kill(int rank) {
  const std::lock_guard lock(mutex_);
  killed_.insert(rank);
}

bool InprocFaults::drops(int from, int to) const {
  const std::lock_guard lock(mutex_);
  return killed_.count(from) > 0 || cut_.count({from, to}) > 0;
}

bool InprocFaults::killed(int rank) const {
  const std::lock_guard lock(mutex_);
  return killed_.count(rank) > 0;
}

namespace {

// The windows of all ranks: zeroed, sparse.
class Windows {
 public:
  Windows(int ranks, std::size_t window_bytes) : window_bytes_(window_bytes) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    stride_ = (window_bytes + page - 1) / page * page;
    total_ = stride_ * ranks;
    void* memory = mmap(nullptr, total_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TUTTI_CHECK(memory != MAP_FAILED, "%zu bytes", total_);
    data_ = static_cast<std::byte*>(memory);
  }
  ~Windows() { munmap(data_, total_); }
  Windows(const Windows&) = delete;
  Windows& operator=(const Windows&) = delete;

  std::span<std::byte> at(int rank) const { return {data_ + rank * stride_, window_bytes_}; }

 private:
  std::size_t window_bytes_;
  std::size_t stride_;
  std::size_t total_;
  std::byte* data_;
};

class InprocTransport final : public Transport {
 public:
  InprocTransport(int rank, int ranks, std::shared_ptr<Windows> windows,
                  const InprocOptions& options)
      : rank_(rank), ranks_(ranks), windows_(std::move(windows)), options_(options) {
    if (options.mapped) return;
    courier_ = std::make_unique<Courier>(ranks, options.max_delay, options.seed * ranks + rank);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  std::span<std::byte> window() override { return windows_->at(rank_); }

  std::byte* map(int peer) override {
    return options_.mapped || peer == rank_ ? windows_->at(peer).data() : nullptr;
  }

  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    const std::span<std::byte> target = target_of(peer, offset, source.size());
    deliver(peer, [source, target] {
      if (!source.empty()) std::memcpy(target.data(), source.data(), source.size());
    });
    return {};
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    TUTTI_CHECK(offset % kLineBytes == 0, "offset %zu", offset);
    TUTTI_CHECK(signal.payload.size() <= kInlineBytes, "%zu bytes", signal.payload.size());
    std::byte* const target = target_of(peer, offset, kLineBytes).data();
    // The payload travels with the signal: only a put's source is read late.
    std::array<std::byte, kInlineBytes> payload = {};
    std::copy(signal.payload.begin(), signal.payload.end(), payload.begin());
    deliver(peer, [=, flag = signal.flag, signature = signal.signature,
                   bytes = signal.payload.size()] {
      show(*reinterpret_cast<Line*>(target), {flag, signature, std::span(payload).first(bytes)});
    });
    return {};
  }

  // Signals are counted with the puts.
  std::uint64_t puts(int peer) override { return courier_ ? courier_->sent(peer) : 0; }
  bool flushed(int peer, std::uint64_t puts) override {
    return !courier_ || courier_->delivered(peer) >= puts;
  }
  void cancel(int peer) override {
    if (courier_) courier_->cancel(peer);
  }
  std::string path(int) const override { return "inproc"; }

  Status check(int peer) override {
    if (!options_.faults || !options_.faults->killed(peer)) return {};
    return {Code::kPeerLost, "rank " + std::to_string(peer) + " was killed"};
  }

 private:
  std::span<std::byte> target_of(int peer, std::size_t offset, std::size_t bytes) const {
    TUTTI_CHECK(peer != rank_ && peer >= 0 && peer < ranks_, "rank %d puts to %d", rank_, peer);
    const std::span<std::byte> window = windows_->at(peer);
    TUTTI_CHECK(offset <= window.size() && bytes <= window.size() - offset,
                "%zu bytes at %zu of %zu", bytes, offset, window.size());
    return window.subspan(offset, bytes);
  }

  template <class Delivery>
  void deliver(int peer, Delivery delivery) {
    auto unless_dropped = [=, from = rank_, faults = options_.faults] {
      if (!faults || !faults->drops(from, peer)) delivery();
    };
    if (courier_) {
      courier_->send(peer, unless_dropped);
    } else {
      unless_dropped();
    }
  }

  const int rank_;
  const int ranks_;
  // Shared: the ranks end in any order, and the others may still put into this one's window.
  const std::shared_ptr<Windows> windows_;
  const InprocOptions options_;
  std::unique_ptr<Courier> courier_;  // unmapped only; last, since it writes to the windows
};

}  // namespace

std::vector<std::unique_ptr<Transport>> make_inproc_transports(int ranks, std::size_t window_bytes,
                                                               InprocOptions options) {
  TUTTI_CHECK(ranks > 0 && window_bytes > 0, "%d ranks, %zu bytes", ranks, window_bytes);
  const auto windows = std::make_shared<Windows>(ranks, window_bytes);
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < ranks; ++rank) {
    transports.push_back(std::make_unique<InprocTransport>(rank, ranks, windows, options));
  }
  return transports;
}

}  // namespace tutti
