#include "train/exact_weights.h"

#include <algorithm>

#include "train/group.h"

namespace tutti::train {
namespace {

long elements_in(const Shard& shard, const std::vector<ExactRun>& runs) {
  long count = 0;
  for (const ExactRun& run : runs) {
    count += std::max(0L, std::min(shard.end, run.end) - std::max(shard.begin, run.begin));
  }
  return count;
}

}  // namespace

template <class T>
ExactWeights<T>::ExactWeights(const Layout& layout, const Cuts& cuts,
                              const std::vector<Shard>& shards)
    : layout_(layout), shards_(shards), memory_(static_cast<std::size_t>(layout.exact_size)) {
  if (layout.exact_size > 0) memory_.clear();
  for (std::size_t b = 0; b < cuts.buckets.size(); ++b) {
    const Bucket& bucket = cuts.buckets[b];
    const std::vector<ExactRun> all = exact_runs_of(layout, {bucket.begin, bucket.end});
    const std::vector<ExactRun> mine = exact_runs_of(layout, shards[b]);
    InBucket& in = in_buckets_.emplace_back();
    if (all.empty()) continue;
    in.begin = all.front().at;
    in.size = all.back().at + all.back().size() - in.begin;
    in.mine = mine.empty() ? in.begin : mine.front().at;
    in.count = elements_in(shards[b], all);
    Shard shard{bucket.begin, bucket.begin};
    for (const std::size_t count : bucket.counts) {
      shard = {shard.end, shard.end + static_cast<long>(count)};
      in.counts.push_back(static_cast<std::size_t>(elements_in(shard, all)));
    }
  }
}

template <class T>
void ExactWeights<T>::write(std::span<const Host<T>> all) {
  for (const ExactRun& run : exact_runs_of(layout_, {0, layout_.size})) {
    upload<T>(all.subspan(run.begin, run.size()), memory_.data() + run.at);
  }
}

template <class T>
void ExactWeights<T>::take(int bucket, const T* shard) {
  for (const ExactRun& run : exact_runs_of(layout_, shards_[bucket])) {
    copy_elements(shard + (run.begin - shards_[bucket].begin), run.size(), memory_.data() + run.at);
  }
}

template <class T>
std::size_t ExactWeights<T>::gather(int bucket, std::vector<Call>& calls) {
  const InBucket& in = in_buckets_[bucket];
  if (in.counts.empty()) return 0;
  const std::span<T> all(memory_);
  const std::span<const T> from = all.subspan(in.mine, in.count);
  calls.push_back(all_gather_v(wired(from), wired(all.subspan(in.begin, in.size)), in.counts));
  return from.size_bytes();
}

template class ExactWeights<float>;
template class ExactWeights<double>;
template class ExactWeights<OnDevice<float>>;

}  // namespace tutti::train
