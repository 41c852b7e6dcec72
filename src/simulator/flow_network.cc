// Messages that share links max-min fairly. Tested by network_test.cc.

#include <algorithm>
#include <queue>

#include "base/check.h"
#include "simulator/max_min.h"
#include "simulator/network.h"

namespace tutti {
namespace {

// Something that happens to a message: its last byte leaves, or arrives.
struct Happening {
  double time = 0;
  std::uint64_t turn = 0;     // order among equals: that of sending
  std::uint64_t number = 0;   // of the flow; its token, when it arrives
  std::uint32_t version = 0;  // of the flow's rate

  bool operator<(const Happening& other) const {  // the first one is the top of a queue
    return time > other.time || (time == other.time && turn > other.turn);
  }
};

class FlowNetwork final : public Network {
 public:
  explicit FlowNetwork(const Links& links) : rates_(links), carried_(links.count()) {}

  void send(double now, const Route& route, double bytes, double latency,
            std::uint64_t token) override {
    pass_time(now);
    ++turns_;
    if (route.count == 0 || bytes <= 0) {
      arrivals_.push({now + latency, turns_, token, 0});
      return;
    }
    for (const int link : route.all()) carried_[link] += bytes;
    const std::uint32_t number = rates_.add(route);
    if (number >= flows_.size()) flows_.resize(number + 1);
    Flow& flow = flows_[number];
    flow = {bytes, now, 0, latency, token, turns_, flow.version + 1};
  }

  // Rates are found once for all that is sent at one time: until then, the next thing to happen.
  double next() override {
    if (!rates_.is_settled()) return now_;
    drop_outdated();
    const double end = ends_.empty() ? kNever : ends_.top().time;
    return arrivals_.empty() ? end : std::min(end, arrivals_.top().time);
  }

  std::optional<Arrival> step() override {
    if (!rates_.is_settled()) {
      settle();
      return std::nullopt;
    }
    const double time = next();
    pass_time(time);
    if (!arrivals_.empty() && arrivals_.top().time <= time) {
      const Arrival arrival{time, arrivals_.top().number};
      arrivals_.pop();
      return arrival;
    }
    end_flows();
    return std::nullopt;
  }

  const std::vector<double>& carried() const override { return carried_; }

 private:
  struct Flow {
    double left = 0;   // bytes, …
    double since = 0;  // … at this time
    double rate = 0;
    double latency = 0;
    std::uint64_t token = 0;
    std::uint64_t turn = 0;
    std::uint32_t version = 0;
  };

  // Ends that are closer to each other than this part of the time are one: less is rounding.
  static constexpr double kRounding = 1e-13;

  void pass_time(double time) {
    if (time > now_ && !rates_.is_settled()) settle();
    now_ = std::max(now_, time);
  }

  void settle() {
    for (const std::uint32_t number : rates_.settle()) {
      Flow& flow = flows_[number];
      flow.left = std::max(0.0, flow.left - flow.rate * (now_ - flow.since));
      flow.since = now_;
      flow.rate = rates_.rate(number);
      ends_.push({now_ + flow.left / flow.rate, flow.turn, number, ++flow.version});
    }
  }

  void drop_outdated() {
    while (!ends_.empty() && flows_[ends_.top().number].version != ends_.top().version) ends_.pop();
  }

  void end_flows() {
    const double end = now_ * (1 + kRounding);
    for (; !ends_.empty() && ends_.top().time <= end; drop_outdated()) {
      const auto number = static_cast<std::uint32_t>(ends_.top().number);
      Flow& flow = flows_[number];
      arrivals_.push({now_ + flow.latency, flow.turn, flow.token, 0});
      ++flow.version;
      rates_.remove(number);
    }
  }

  MaxMin rates_;
  std::vector<Flow> flows_;  // by number
  std::priority_queue<Happening> ends_;
  std::priority_queue<Happening> arrivals_;
  std::vector<double> carried_;
  double now_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Network> make_flow_network(const Links& links) {
  return std::make_unique<FlowNetwork>(links);
}

}  // namespace tutti
