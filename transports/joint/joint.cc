#include "transports/joint/joint.h"

#include <utility>

namespace tutti {
namespace {

class JointTransport final : public Transport {
 public:
  explicit JointTransport(JointParts parts) : parts_(std::move(parts)) {}
  // The far one writes into the near one's window until it ends.
  ~JointTransport() override { parts_.far.reset(); }

  int rank() const override { return parts_.far->rank(); }
  int ranks() const override { return parts_.far->ranks(); }
  std::span<std::byte> window() override { return parts_.near->window(); }

  std::byte* map(int peer) override {
    return is_near(peer) ? parts_.near->map(parts_.near_ranks[peer]) : nullptr;
  }

  DirectPuts direct_puts(MemoryKind kind) const override { return parts_.far->direct_puts(kind); }
  void add_annex(std::span<std::byte> memory, MemoryKind kind) override {
    parts_.far->add_annex(memory, kind);
  }

  // Annexes are reached through the far one only.
  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    if (is_near(peer)) return parts_.near->put(parts_.near_ranks[peer], source, offset);
    return parts_.far->put(peer, source, offset);
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    if (is_near(peer)) return parts_.near->signal(parts_.near_ranks[peer], offset, signal);
    return parts_.far->signal(peer, offset, signal);
  }

  bool progress(Taker* taker) override {
    const bool moved = parts_.near->progress(taker);
    return parts_.far->progress(taker) || moved;
  }

  void send_waiting() override { parts_.far->send_waiting(); }

  std::uint64_t puts(int peer) override {
    return is_near(peer) ? parts_.near->puts(parts_.near_ranks[peer]) : parts_.far->puts(peer);
  }

  bool flushed(int peer, std::uint64_t puts) override {
    return is_near(peer) ? parts_.near->flushed(parts_.near_ranks[peer], puts)
                         : parts_.far->flushed(peer, puts);
  }

  void cancel(int peer) override {
    is_near(peer) ? parts_.near->cancel(parts_.near_ranks[peer]) : parts_.far->cancel(peer);
  }

  // The heartbeat has the last word, so that all ranks say the same and say who said it first.
  Status check(int peer) override {
    const int pulse = parts_.heartbeat_ranks[peer];
    if (Status status = parts_.heartbeat->check(pulse); !status.ok()) return named(peer, status);
    if (peer == rank() || parts_.heartbeat->departed(pulse)) return {};
    if (is_near(peer)) {
      const bool lives = parts_.near->check(parts_.near_ranks[peer]).ok();
      if (!lives) parts_.heartbeat->report(pulse, "its process has ended");
    } else if (!parts_.far->check(peer).ok()) {
      parts_.heartbeat->report(pulse, "the connection to it broke");
    }
    return {};
  }

  bool departed(int peer) override {
    return parts_.heartbeat->departed(parts_.heartbeat_ranks[peer]);
  }

  std::string path(int peer) const override {
    return is_near(peer) ? parts_.near->path(parts_.near_ranks[peer]) : parts_.far->path(peer);
  }

 private:
  bool is_near(int peer) const { return parts_.near_ranks[peer] >= 0; }

  // The heartbeat knows ranks by their numbers in the first communicator on the network.
  Status named(int peer, const Status& status) const {
    if (parts_.heartbeat_ranks[peer] == peer) return status;
    return {status.code(),
            "rank " + std::to_string(peer) + " of this communicator is gone: " + status.message()};
  }

  JointParts parts_;
};

}  // namespace

std::unique_ptr<Transport> make_joint_transport(JointParts parts) {
  return std::make_unique<JointTransport>(std::move(parts));
}

}  // namespace tutti
