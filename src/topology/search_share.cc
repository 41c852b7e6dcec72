// Tested by topology_search_test.cc.

#include "topology/search_share.h"

#include <algorithm>
#include <limits>

namespace tutti {
namespace {

class Sharing {
 public:
  Sharing(const std::vector<Load>& loads, const std::vector<double>& capacities)
      : loads_(loads), left_(capacities), shares_(loads.size(), 0), growing_(loads.size(), true) {}

  std::vector<double> run() {
    while (std::ranges::any_of(growing_, [](bool grows) { return grows; })) grow();
    return shares_;
  }

 private:
  // One round: by as much as the first link or way allows.
  void grow() {
    const std::vector<int> uses = count_uses();
    double by = std::numeric_limits<double>::infinity();
    for (std::size_t link = 0; link < left_.size(); ++link) {
      if (uses[link] > 0) by = std::min(by, left_[link] / uses[link]);
    }
    for (std::size_t way = 0; way < loads_.size(); ++way) {
      if (growing_[way]) by = std::min(by, loads_[way].most - shares_[way]);
    }
    by = std::max(by, 0.0);
    for (std::size_t link = 0; link < left_.size(); ++link) left_[link] -= by * uses[link];
    for (std::size_t way = 0; way < loads_.size(); ++way) {
      if (growing_[way]) shares_[way] += by;
    }
    for (std::size_t way = 0; way < loads_.size(); ++way) {
      if (growing_[way] && is_full(way)) growing_[way] = false;
    }
  }

  std::vector<int> count_uses() const {
    std::vector<int> uses(left_.size(), 0);
    for (std::size_t way = 0; way < loads_.size(); ++way) {
      if (!growing_[way]) continue;
      for (const int link : loads_[way].links) ++uses[link];
    }
    return uses;
  }

  bool is_full(std::size_t way) const {
    constexpr double kNothing = 1e-9;  // GB/s
    return loads_[way].most - shares_[way] <= kNothing ||
           std::ranges::any_of(loads_[way].links,
                               [this](int link) { return left_[link] <= kNothing; });
  }

  const std::vector<Load>& loads_;
  std::vector<double> left_;
  std::vector<double> shares_;
  std::vector<bool> growing_;
};

}  // namespace

std::vector<double> share(const std::vector<Load>& loads, const std::vector<double>& capacities) {
  return Sharing(loads, capacities).run();
}

}  // namespace tutti
