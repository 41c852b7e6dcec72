// Messages one after the other. Tested by network_test.cc.

#include <algorithm>
#include <queue>

#include "simulator/network.h"

namespace tutti {
namespace {

// A message under way.
struct Head {
  double end = 0;  // not before this has the last byte come so far
  double bytes = 0;
  double latency = 0;
  Route route;
  int hop = 0;  // the next link
  std::uint64_t token = 0;
};

// The first byte of a message reaches its next link; behind the last one, the message arrives.
struct Happening {
  double time = 0;
  std::uint64_t turn = 0;  // order among equals: that of coming to be
  std::uint32_t head = 0;

  bool operator<(const Happening& other) const {  // the first one is the top of a queue
    return time > other.time || (time == other.time && turn > other.turn);
  }
};

class MessageNetwork final : public Network {
 public:
  explicit MessageNetwork(const Links& links)
      : links_(links), free_(links.count()), carried_(links.count()) {}

  void send(double now, const Route& route, double bytes, double latency,
            std::uint64_t token) override {
    pass(now, place({now, bytes, latency, route, 0, token}));
  }

  double next() override { return queue_.empty() ? kNever : queue_.top().time; }

  std::optional<Arrival> step() override {
    const Happening now = queue_.top();
    queue_.pop();
    const Head& head = heads_[now.head];
    if (head.hop == head.route.count) {
      places_.push_back(now.head);
      return Arrival{now.time, head.token};
    }
    pass(now.time, now.head);
    return std::nullopt;
  }

  const std::vector<double>& carried() const override { return carried_; }

 private:
  std::uint32_t place(const Head& head) {
    if (places_.empty()) {
      heads_.push_back(head);
      return static_cast<std::uint32_t>(heads_.size() - 1);
    }
    const std::uint32_t place = places_.back();
    places_.pop_back();
    heads_[place] = head;
    return place;
  }

  // Through the links ahead, as far as nothing else happens before; then waits until then.
  void pass(double now, std::uint32_t place) {
    Head& head = heads_[place];
    while (head.hop < head.route.count) {
      const int link = head.route.links[head.hop++];
      const double begin = std::max(now, free_[link]);
      free_[link] = begin + head.bytes / links_.capacity(link);
      head.end = std::max(head.end, free_[link]);
      carried_[link] += head.bytes;
      const bool is_first = queue_.empty() || queue_.top().time > begin;
      if (head.hop < head.route.count && (begin > now || !is_first)) {
        return queue_.push({begin, turns_++, place});
      }
    }
    queue_.push({head.end + head.latency, turns_++, place});
  }

  const Links& links_;
  std::vector<double> free_;  // by link: when the last byte sent so far has passed
  std::vector<double> carried_;
  std::vector<Head> heads_;            // by place
  std::vector<std::uint32_t> places_;  // that are free
  std::priority_queue<Happening> queue_;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Network> make_message_network(const Links& links) {
  return std::make_unique<MessageNetwork>(links);
}

}  // namespace tutti
