// A transport that delivers when it is told to, for tests that decide about every order of events.
//
// Everything happens in one thread. Ranks on one host reach each other's windows; between hosts,
// puts and signals lie in a queue per sender and receiver until somebody delivers them, and a put's
// source is read only then. A put with a signal behind it is offered to the receiver's taker first.

#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "transports/transport.h"

namespace tutti::test {

/// All windows, and all that is under way between them.
class Post {
 public:
  /// A put of `data`, or a signal with `data` as its payload.
  struct Parcel {
    bool is_put = false;
    std::size_t offset = 0;
    std::span<const std::byte> data;  // a put's source
    Signal signal = {};
    std::vector<std::byte> payload = {};
  };

  /// `host_of[rank]` tells who reaches whom.
  Post(std::vector<int> host_of, std::size_t window_bytes)
      : takers_(host_of.size()),
        host_of_(std::move(host_of)),
        queues_(host_of_.size() * host_of_.size()),
        sent_(queues_.size()) {
    const std::size_t pages = (window_bytes + sizeof(Page) - 1) / sizeof(Page);
    for (int rank = 0; rank < ranks(); ++rank) windows_.emplace_back(pages);
  }

  int ranks() const { return static_cast<int>(host_of_.size()); }
  bool is_mapped(int from, int to) const { return host_of_[from] == host_of_[to]; }
  std::span<std::byte> window(int rank) {
    return std::as_writable_bytes(std::span(windows_[rank]));
  }

  void send(int from, int to, Parcel parcel) {
    if (is_mapped(from, to)) return lay_down(to, parcel);
    queue(from, to).push_back(std::move(parcel));
    ++sent_[from * host_of_.size() + to];
  }
  /// Whom data for the rank is offered to from now on; null for nobody.
  void set_taker(int rank, Taker* taker) { takers_[rank] = taker; }
  /// How many puts were taken.
  int taken() const { return taken_; }
  std::uint64_t sent(int from, int to) { return sent_[from * host_of_.size() + to]; }
  std::uint64_t under_way(int from, int to) { return queue(from, to).size(); }
  /// Delivers the oldest parcel. False when there is none.
  bool deliver(int from, int to) {
    std::deque<Parcel>& parcels = queue(from, to);
    if (parcels.empty()) return false;
    // Data that is taken and its signal come at once: the line may soon be another's.
    if (offer(to, parcels)) parcels.pop_front();
    lay_down(to, parcels.front());
    parcels.pop_front();
    return true;
  }

 private:
  struct alignas(4096) Page {
    std::byte bytes[4096] = {};
  };

  bool offer(int to, const std::deque<Parcel>& parcels) {
    if (takers_[to] == nullptr || parcels.size() < 2 || !parcels[0].is_put || parcels[1].is_put) {
      return false;
    }
    Signal signal = parcels[1].signal;
    signal.payload = parcels[1].payload;
    const bool taken =
        takers_[to]->take(parcels[0].offset, parcels[0].data, parcels[1].offset, signal);
    taken_ += taken;
    return taken;
  }

  void lay_down(int to, const Parcel& parcel) {
    std::byte* const target = window(to).data() + parcel.offset;
    if (parcel.is_put) {
      if (!parcel.data.empty()) std::memcpy(target, parcel.data.data(), parcel.data.size());
      return;
    }
    Signal signal = parcel.signal;
    signal.payload = parcel.payload;
    show(*reinterpret_cast<Line*>(target), signal);
  }

  std::deque<Parcel>& queue(int from, int to) { return queues_[from * host_of_.size() + to]; }

  std::vector<Taker*> takers_;  // by rank
  int taken_ = 0;
  std::vector<int> host_of_;
  std::vector<std::vector<Page>> windows_;
  std::vector<std::deque<Parcel>> queues_;
  std::vector<std::uint64_t> sent_;
};

class LateTransport final : public Transport {
 public:
  LateTransport(Post& post, int rank) : post_(post), rank_(rank) {}

  int rank() const override { return rank_; }
  int ranks() const override { return post_.ranks(); }
  std::span<std::byte> window() override { return post_.window(rank_); }
  std::byte* map(int peer) override {
    return post_.is_mapped(rank_, peer) ? post_.window(peer).data() : nullptr;
  }

  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    post_.send(rank_, peer, {.is_put = true, .offset = offset, .data = source});
    return {};
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    post_.send(rank_, peer,
               {.offset = offset,
                .data = {},
                .signal = {signal.flag, signal.signature, {}},
                .payload = {signal.payload.begin(), signal.payload.end()}});
    return {};
  }

  std::uint64_t puts(int peer) override { return post_.sent(rank_, peer); }
  bool flushed(int peer, std::uint64_t puts) override {
    return post_.sent(rank_, peer) - post_.under_way(rank_, peer) >= puts;
  }
  Status check(int) override { return {}; }
  std::string path(int) const override { return "post"; }

 private:
  Post& post_;
  const int rank_;
};

}  // namespace tutti::test
