// Sums over groups of columns where tensor parallelism has cut a group: each rank has its part of
// the sums, and needs the whole.
//
// Tested by train_mamba_test.cc.

#pragma once

#include "train/array.h"
#include "train/group.h"
#include "train/kernels/elements.h"

namespace tutti::train {

template <class T>
class GroupSums {
 public:
  /// `groups` of all ranks' columns together, which are shared equally. REQUIRES: one of groups and
  /// ranks divides the other.
  GroupSums(Group& tensor, long groups) : tensor_(tensor), groups_(groups) {}

  /// Groups that this rank has, or has a part of.
  long here() const { return is_cut() ? 1 : groups_ / tensor_.ranks(); }

  /// sums [tokens, here()], of the columns here, become those of whole groups.
  void complete(long tokens, T* sums) {
    if (!is_cut()) return;
    const long mine = tensor_.rank() * groups_ / tensor_.ranks();
    all_.resize(static_cast<std::size_t>(tokens * groups_));
    all_.clear();
    copy_rows<T>(tokens, 1, {sums, 1}, {all_.data() + mine, groups_});
    tensor_.all_reduce(std::span<T>(all_));
    copy_rows<T>(tokens, 1, {all_.data() + mine, groups_}, {sums, 1});
  }

 private:
  bool is_cut() const { return groups_ < tensor_.ranks(); }

  Group& tensor_;
  const long groups_;
  Array<T> all_;  // [tokens, groups]
};

}  // namespace tutti::train
