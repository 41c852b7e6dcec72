// Messages that share links max-min fairly. Tested by network_test.cc.

#include <algorithm>

#include "base/check.h"
#include "simulator/network.h"

namespace tutti {
namespace {

class FlowNetwork final : public Network {
 public:
  explicit FlowNetwork(const Links& links)
      : links_(links), load_(links.count()), room_(links.count()), carried_(links.count()) {}

  void send(double now, const Route& route, double bytes, double latency,
            std::uint64_t token) override {
    flow_until(now);
    if (route.count == 0 || bytes <= 0) {
      done_.push_back({now + latency, token});
      return;
    }
    for (const int link : route.all()) carried_[link] += bytes;
    flows_.push_back({route, bytes, 0, latency, token});
    is_shared_ = false;
  }

  double next() override {
    share();
    double next = kNever;
    for (const Arrival& arrival : done_) next = std::min(next, arrival.time);
    for (const Flow& flow : flows_) next = std::min(next, now_ + flow.left / flow.rate);
    return next;
  }

  std::optional<Arrival> step() override {
    const double time = next();
    const auto first = std::min_element(done_.begin(), done_.end(),
                                        [](auto& a, auto& b) { return a.time < b.time; });
    if (first != done_.end() && first->time <= time) {
      const Arrival arrival = *first;
      done_.erase(first);
      return arrival;
    }
    flow_until(time);
    return std::nullopt;
  }

  const std::vector<double>& carried() const override { return carried_; }

 private:
  struct Flow {
    Route route;
    double left = 0;  // bytes
    double rate = 0;
    double latency = 0;
    std::uint64_t token = 0;
  };

  // A flow that has so little left has ended: less is rounding.
  static constexpr double kNothing = 1e-6;

  void flow_until(double time) {
    share();
    for (Flow& flow : flows_) flow.left -= flow.rate * (time - now_);
    now_ = time;
    const auto ended = std::stable_partition(flows_.begin(), flows_.end(),
                                             [](auto& flow) { return flow.left > kNothing; });
    if (ended == flows_.end()) return;
    for (auto flow = ended; flow != flows_.end(); ++flow) {
      done_.push_back({now_ + flow->latency, flow->token});
    }
    flows_.erase(ended, flows_.end());
    is_shared_ = false;
  }

  // Fills links until one is full; its flows keep their rates; and again with the others.
  void share() {
    if (is_shared_) return;
    is_shared_ = true;
    for (int link = 0; link < links_.count(); ++link) {
      load_[link] = 0;
      room_[link] = links_.capacity(link);
    }
    for (Flow& flow : flows_) {
      flow.rate = 0;
      for (const int link : flow.route.all()) ++load_[link];
    }
    for (std::size_t left = flows_.size(); left > 0;) left -= fill_tightest();
  }

  std::size_t fill_tightest() {
    int tightest = -1;
    for (int link = 0; link < links_.count(); ++link) {
      if (load_[link] == 0) continue;
      if (tightest < 0 || room_[link] / load_[link] < room_[tightest] / load_[tightest]) {
        tightest = link;
      }
    }
    TUTTI_CHECK(tightest >= 0, "%zu flows", flows_.size());
    const double rate = room_[tightest] / load_[tightest];
    std::size_t fixed = 0;
    for (Flow& flow : flows_) {
      const auto links = flow.route.all();
      if (flow.rate > 0 || std::find(links.begin(), links.end(), tightest) == links.end()) continue;
      flow.rate = rate;
      for (const int link : links) {
        room_[link] -= rate;
        --load_[link];
      }
      ++fixed;
    }
    return fixed;
  }

  const Links& links_;
  std::vector<Flow> flows_;
  std::vector<Arrival> done_;
  std::vector<int> load_;     // by link: flows without a rate yet
  std::vector<double> room_;  // by link: capacity that no flow has yet
  std::vector<double> carried_;
  double now_ = 0;
  bool is_shared_ = true;
};

}  // namespace

std::unique_ptr<Network> make_flow_network(const Links& links) {
  return std::make_unique<FlowNetwork>(links);
}

}  // namespace tutti
