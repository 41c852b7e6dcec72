// Ranks of one host. Tested by transport_test.cc and shm_test.cc.

#include "transports/shm/shm.h"

#include <cstring>
#include <optional>

#include "base/check.h"
#include "transports/shm/join.h"

namespace tutti {
namespace {

class ShmTransport final : public Transport {
 public:
  ShmTransport(int rank, shm::Group group)
      : rank_(rank), group_(std::move(group)), watches_(group_.members.size()) {}

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(group_.members.size()); }
  std::span<std::byte> window() override { return group_.mapping->window(rank_); }
  std::byte* map(int peer) override { return group_.mapping->window(peer).data(); }

  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    std::byte* const target = target_of(peer, offset, source.size());
    if (!source.empty()) std::memcpy(target, source.data(), source.size());
    return {};
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    TUTTI_CHECK(offset % kLineBytes == 0, "offset %zu", offset);
    TUTTI_CHECK(signal.payload.size() <= kInlineBytes, "%zu bytes", signal.payload.size());
    // memcpy in put() fences its own non-temporal stores, so that show() comes after them.
    show(*reinterpret_cast<Line*>(target_of(peer, offset, kLineBytes)), signal);
    return {};
  }

  Status check(int peer) override {
    const shm::Member& member = group_.members[peer];
    if (member.process == group_.members[rank_].process) return {};
    std::optional<shm::ProcessWatch>& watch = watches_[peer];
    if (!watch) watch.emplace(member.process);
    if (watch->alive()) return {};
    return {Code::kPeerLost, "rank " + std::to_string(peer) + " (host " + member.host.name +
                                 ", pid " + std::to_string(member.process.pid) + ") has ended"};
  }

  std::string path(int) const override { return "shm"; }

 private:
  std::byte* target_of(int peer, std::size_t offset, std::size_t bytes) const {
    TUTTI_CHECK(peer != rank_ && peer >= 0 && peer < static_cast<int>(group_.members.size()),
                "rank %d puts to %d", rank_, peer);
    const std::span<std::byte> window = group_.mapping->window(peer);
    TUTTI_CHECK(offset <= window.size() && bytes <= window.size() - offset,
                "%zu bytes at %zu of %zu", bytes, offset, window.size());
    return window.data() + offset;
  }

  const int rank_;
  const shm::Group group_;
  std::vector<std::optional<shm::ProcessWatch>> watches_;  // by peer; made when first asked
};

}  // namespace

Result<std::unique_ptr<Transport>> make_shm_transport(Bootstrap& bootstrap,
                                                      std::size_t window_bytes, Deadline deadline) {
  Result<shm::Group> group = shm::join(bootstrap, window_bytes, deadline);
  if (!group.ok()) return group.status();
  return std::unique_ptr<Transport>(
      std::make_unique<ShmTransport>(bootstrap.rank(), std::move(*group)));
}

}  // namespace tutti
