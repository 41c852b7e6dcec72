// Messages one after the other. Tested by network_test.cc.

#include <algorithm>
#include <queue>

#include "simulator/network.h"

namespace tutti {
namespace {

// The first byte of a message reaches its next link; behind the last one, the message arrives.
struct Head {
  double time = 0;
  double end = 0;  // not before this has the last byte come so far
  double bytes = 0;
  double latency = 0;
  Route route;
  int hop = 0;
  std::uint64_t token = 0;
  std::uint64_t turn = 0;  // order among equals: that of coming to be
};

struct Later {
  bool operator()(const Head& a, const Head& b) const {
    return a.time > b.time || (a.time == b.time && a.turn > b.turn);
  }
};

class MessageNetwork final : public Network {
 public:
  explicit MessageNetwork(const Links& links)
      : links_(links), free_(links.count()), carried_(links.count()) {}

  void send(double now, const Route& route, double bytes, double latency,
            std::uint64_t token) override {
    pass({now, now, bytes, latency, route, 0, token, 0});
  }

  double next() override { return heads_.empty() ? kNever : heads_.top().time; }

  std::optional<Arrival> step() override {
    const Head head = heads_.top();
    heads_.pop();
    if (head.hop > head.route.count) return Arrival{head.time, head.token};
    pass(head);
    return std::nullopt;
  }

  const std::vector<double>& carried() const override { return carried_; }

 private:
  // Through the link that the head is at; behind the last link, to its goal.
  void pass(Head head) {
    if (head.hop < head.route.count) {
      const int link = head.route.links[head.hop];
      head.time = std::max(head.time, free_[link]);
      free_[link] = head.time + head.bytes / links_.capacity(link);
      head.end = std::max(head.end, free_[link]);
      carried_[link] += head.bytes;
    }
    if (++head.hop >= head.route.count) {
      head.hop = head.route.count + 1;
      head.time = head.end + head.latency;
    }
    head.turn = turns_++;
    heads_.push(head);
  }

  const Links& links_;
  std::vector<double> free_;  // by link: when the last byte sent so far has passed
  std::vector<double> carried_;
  std::priority_queue<Head, std::vector<Head>, Later> heads_;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Network> make_message_network(const Links& links) {
  return std::make_unique<MessageNetwork>(links);
}

}  // namespace tutti
