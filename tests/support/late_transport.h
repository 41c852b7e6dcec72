// A transport that delivers when it is told to, for tests that decide about every order of events.
//
// Everything happens in one thread. Ranks on one host reach each other's windows; between hosts,
// puts and signals lie in a queue per sender and receiver until somebody delivers them, and a put's
// source is read only then.

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
  /// `host_of[rank]` tells who reaches whom.
  Post(std::vector<int> host_of, std::size_t window_bytes)
      : host_of_(std::move(host_of)),
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

  void send(int from, int to, std::function<void()> parcel) {
    if (is_mapped(from, to)) return parcel();
    queue(from, to).push_back(std::move(parcel));
    ++sent_[from * host_of_.size() + to];
  }
  std::uint64_t sent(int from, int to) { return sent_[from * host_of_.size() + to]; }
  std::uint64_t under_way(int from, int to) { return queue(from, to).size(); }
  /// Delivers the oldest parcel. False when there is none.
  bool deliver(int from, int to) {
    if (queue(from, to).empty()) return false;
    queue(from, to).front()();
    queue(from, to).pop_front();
    return true;
  }

 private:
  struct alignas(4096) Page {
    std::byte bytes[4096] = {};
  };

  std::deque<std::function<void()>>& queue(int from, int to) {
    return queues_[from * host_of_.size() + to];
  }

  std::vector<int> host_of_;
  std::vector<std::vector<Page>> windows_;
  std::vector<std::deque<std::function<void()>>> queues_;
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
    std::byte* const target = post_.window(peer).data() + offset;
    post_.send(rank_, peer, [source, target] {
      if (!source.empty()) std::memcpy(target, source.data(), source.size());
    });
    return {};
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    Line& line = *reinterpret_cast<Line*>(post_.window(peer).data() + offset);
    const std::vector<std::byte> payload(signal.payload.begin(), signal.payload.end());
    post_.send(rank_, peer, [&line, payload, flag = signal.flag, signature = signal.signature] {
      show(line, {flag, signature, payload});
    });
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
