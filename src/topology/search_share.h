// What ways can carry at once. Tested by topology_search_test.cc.

#pragma once

#include <vector>

namespace tutti {

/// A way that loads links, some several times, and that carries no more than `most`.
struct Load {
  std::vector<int> links;
  double most = 0;
};

/// Max-min fair: all grow alike until a link is full, whose ways then stay as they are, and so on.
/// No link carries more than its capacity, and no way could carry more without another that carries
/// no more than it carrying less.
std::vector<double> share(const std::vector<Load>& loads, const std::vector<double>& capacities);

}  // namespace tutti
