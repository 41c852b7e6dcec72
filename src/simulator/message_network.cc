// Messages one after the other. Tested by network_test.cc.

#include <algorithm>
#include <queue>

#include "simulator/network.h"

namespace tutti {
namespace {

// A message on its way through links.
struct Head {
  double end = 0;  // not before this has the last byte come so far
  double bytes = 0;
  double latency = 0;
  std::uint64_t token = 0;
  Route route;
  int hop = 0;  // the next link
};

// A message arrives, or its first byte reaches a link that it must wait for.
struct Happening {
  double time = 0;
  std::uint64_t turn = 0;   // order among equals: that of coming to be
  std::uint64_t token = 0;  // of a message that arrives; or the place of its head
  bool arrives = false;

  bool operator<(const Happening& other) const {  // the first one is the top of a queue
    return time > other.time || (time == other.time && turn > other.turn);
  }
};

class MessageNetwork final : public Network {
 public:
  explicit MessageNetwork(const Links& links) : wires_(links.count()), carried_(links.count()) {
    for (int link = 0; link < links.count(); ++link) wires_[link].capacity = links.capacity(link);
  }

  void send(double now, const Route& route, double bytes, double latency,
            std::uint64_t token) override {
    Head head{now, bytes, latency, token, route};
    pass(now, head);
  }

  double next() override { return queue_.empty() ? kNever : queue_.top().time; }

  std::optional<Arrival> step() override {
    const Happening now = queue_.top();
    queue_.pop();
    if (now.arrives) return Arrival{now.time, now.token};
    Head head = heads_[now.token];
    places_.push_back(now.token);
    pass(now.time, head);
    return std::nullopt;
  }

  const std::vector<double>& carried() const override {
    for (std::size_t link = 0; link < wires_.size(); ++link) carried_[link] = wires_[link].carried;
    return carried_;
  }

 private:
  struct Wire {
    double capacity = 0;
    double free = 0;  // when the last byte sent so far has passed
    double carried = 0;
  };

  // Through the links ahead, as far as nothing else happens before; then waits until then.
  void pass(double now, Head& head) {
    while (head.hop < head.route.count) {
      Wire& wire = wires_[head.route.links[head.hop++]];
      const double begin = std::max(now, wire.free);
      wire.free = begin + head.bytes / wire.capacity;
      wire.carried += head.bytes;
      head.end = std::max(head.end, wire.free);
      const bool is_first = queue_.empty() || queue_.top().time > begin;
      if (head.hop < head.route.count && (begin > now || !is_first)) {
        return queue_.push({begin, turns_++, keep(head), /*arrives=*/false});
      }
    }
    queue_.push({head.end + head.latency, turns_++, head.token, /*arrives=*/true});
  }

  std::uint64_t keep(const Head& head) {
    if (places_.empty()) {
      places_.push_back(heads_.size());
      heads_.emplace_back();
    }
    const std::uint64_t place = places_.back();
    places_.pop_back();
    heads_[place] = head;
    return place;
  }

  std::vector<Wire> wires_;              // by link
  mutable std::vector<double> carried_;  // by link, for who asks
  std::vector<Head> heads_;              // by place
  std::vector<std::uint64_t> places_;    // that are free
  std::priority_queue<Happening> queue_;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Network> make_message_network(const Links& links) {
  return std::make_unique<MessageNetwork>(links);
}

}  // namespace tutti
