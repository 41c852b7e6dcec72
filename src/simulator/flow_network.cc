// Messages that share links max-min fairly. Tested by network_test.cc.

#include <algorithm>
#include <queue>

#include "base/check.h"
#include "simulator/max_min.h"
#include "simulator/network.h"

namespace tutti {
namespace {

// A message under way. It ends when its bundle has carried so many bytes for each of its flows.
struct Flow {
  double end = 0;
  std::uint64_t turn = 0;  // order among equals: that of sending
  double latency = 0;
  std::uint64_t token = 0;

  bool operator<(const Flow& other) const {  // the first one is the top of a queue
    return end > other.end || (end == other.end && turn > other.turn);
  }
};

// The next end of a flow in a bundle.
struct End {
  double time = 0;
  std::uint32_t bundle = 0;
  std::uint32_t version = 0;  // of what was known when it was foreseen

  bool operator<(const End& other) const {
    return time > other.time || (time == other.time && bundle > other.bundle);
  }
};

struct Coming {
  double time = 0;
  std::uint64_t turn = 0;
  std::uint64_t token = 0;

  bool operator<(const Coming& other) const {
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
      arrivals_.push({now + latency, turns_, token});
      return;
    }
    for (const int link : route.all()) carried_[link] += bytes;
    const std::uint32_t number = rates_.add(route);
    if (number >= bundles_.size()) bundles_.resize(number + 1);
    Bundle& bundle = bundles_[number];
    carry_until_now(bundle);
    bundle.flows.push({bundle.carried + bytes, turns_, latency, token});
    foresee(number);
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
      const Arrival arrival{time, arrivals_.top().token};
      arrivals_.pop();
      return arrival;
    }
    end_flows();
    return std::nullopt;
  }

  const std::vector<double>& carried() const override { return carried_; }

 private:
  // All flows of a route are equally fast, and have got as much since the latest of them began.
  struct Bundle {
    std::priority_queue<Flow> flows;
    double rate = 0;     // of each
    double carried = 0;  // bytes for each flow, …
    double since = 0;    // … at this time
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
      Bundle& bundle = bundles_[number];
      carry_until_now(bundle);
      bundle.rate = rates_.rate(number);
      foresee(number);
    }
  }

  void carry_until_now(Bundle& bundle) {
    bundle.carried =
        bundle.flows.empty() ? 0 : bundle.carried + bundle.rate * (now_ - bundle.since);
    if (bundle.flows.empty()) bundle.rate = 0;  // it is a new one
    bundle.since = now_;
  }

  void foresee(std::uint32_t number) {
    Bundle& bundle = bundles_[number];
    ++bundle.version;
    if (bundle.flows.empty() || bundle.rate == 0) return;
    const double left = std::max(0.0, bundle.flows.top().end - bundle.carried);
    ends_.push({now_ + left / bundle.rate, number, bundle.version});
  }

  void drop_outdated() {
    while (!ends_.empty() && bundles_[ends_.top().bundle].version != ends_.top().version) {
      ends_.pop();
    }
  }

  void end_flows() {
    const double last = now_ * (1 + kRounding);
    for (; !ends_.empty() && ends_.top().time <= last; drop_outdated()) {
      const std::uint32_t number = ends_.top().bundle;
      Bundle& bundle = bundles_[number];
      const Flow flow = bundle.flows.top();
      carry_until_now(bundle);
      bundle.flows.pop();
      arrivals_.push({now_ + flow.latency, flow.turn, flow.token});
      rates_.remove(number);
      foresee(number);
    }
  }

  MaxMin rates_;
  std::vector<Bundle> bundles_;  // by number
  std::priority_queue<End> ends_;
  std::priority_queue<Coming> arrivals_;
  std::vector<double> carried_;
  double now_ = 0;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Network> make_flow_network(const Links& links) {
  return std::make_unique<FlowNetwork>(links);
}

}  // namespace tutti
