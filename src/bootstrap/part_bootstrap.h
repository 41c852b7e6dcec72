// Some of the ranks meet by means of a bootstrap of all.
//
// Every rank of the whole must be in one part, and all parts must make equally many all-gathers:
// a part that makes fewer, because it failed, calls finish(). Tested by thread_bootstrap_test.cc.

#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "bootstrap/bootstrap.h"

namespace tutti {

class PartBootstrap final : public Bootstrap {
 public:
  /// `members` are ranks of the whole, this one among them.
  PartBootstrap(Bootstrap& whole, std::vector<int> members)
      : whole_(whole), members_(std::move(members)) {}

  int rank() const override {
    const auto self = std::find(members_.begin(), members_.end(), whole_.rank());
    return static_cast<int>(self - members_.begin());
  }
  int ranks() const override { return static_cast<int>(members_.size()); }

  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    ++made_;
    Result<std::vector<std::string>> all = whole_.all_gather(mine, deadline);
    if (!all.ok()) return all;
    std::vector<std::string> ours;
    for (const int member : members_) ours.push_back(std::move(all->at(member)));
    return ours;
  }

  /// Takes part until there were `all_gathers` of them.
  Status finish(int all_gathers, Deadline deadline) {
    while (made_ < all_gathers) {
      if (auto others = all_gather("", deadline); !others.ok()) return others.status();
    }
    return {};
  }

 private:
  Bootstrap& whole_;
  const std::vector<int> members_;
  int made_ = 0;
};

}  // namespace tutti
