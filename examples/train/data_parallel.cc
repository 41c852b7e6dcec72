#include "train/data_parallel.h"

#include <algorithm>

#include "train/gradient_store.h"
#include "train/kernels/elements.h"
#include "train/weight_store.h"

namespace tutti::train {
namespace {

// Alone there is nothing to share.
int zero_of(const DataParallelSettings& settings, const Group& group) {
  if (settings.zero < 0 || settings.zero > 3) {
    throw Failure("zero " + std::to_string(settings.zero) + ": expected 0, 1, 2 or 3");
  }
  return group.alone() ? 0 : settings.zero;
}

long bucket_elements(const DataParallelSettings& settings, int zero, std::size_t element) {
  return zero >= 2 ? 0 : settings.bucket_bytes / static_cast<long>(element);
}

// `sharded_from`: the stage at which shards are all that is kept.
Keeps keeps_of(int zero, int sharded_from) {
  if (zero == 0) return Keeps::kReplica;
  return zero < sharded_from ? Keeps::kAll : Keeps::kShards;
}

std::vector<Shard> shards_of(const Cuts& cuts, const Group& group, int zero) {
  std::vector<Shard> shards;
  for (const Bucket& bucket : cuts.buckets) {
    shards.push_back(zero == 0 ? Shard{bucket.begin, bucket.end} : bucket.shard(group.rank()));
  }
  return shards;
}

}  // namespace

template <class T>
struct DataParallel<T>::State {
  State(Layout l, Groups& g, const DataParallelSettings& settings)
      : layout(std::move(l)),
        groups(g),
        zero(zero_of(settings, g.gradients)),
        cuts(cut(layout, g.gradients.ranks(), bucket_elements(settings, zero, sizeof(T)))),
        shards(shards_of(cuts, g.gradients, zero)),
        weights(layout, cuts, shards, g.gradients, keeps_of(zero, 3)),
        gradients(layout, cuts, shards, g.gradients, keeps_of(zero, 2)) {}

  int bucket_of(const Shard& shard) const {
    return static_cast<int>(std::find(shards.begin(), shards.end(), shard) - shards.begin());
  }

  const Layout layout;
  Groups& groups;
  const int zero;
  const Cuts cuts;
  const std::vector<Shard> shards;  // by bucket
  WeightStore<T> weights;
  GradientStore<Precise<T>> gradients;
};

template <class T>
DataParallel<T>::DataParallel(Layout layout, Groups& groups, const DataParallelSettings& settings)
    : state_(std::make_unique<State>(std::move(layout), groups, settings)) {}
template <class T>
DataParallel<T>::~DataParallel() = default;

template <class T>
const Layout& DataParallel<T>::layout() const {
  return state_->layout;
}
template <class T>
const T* DataParallel<T>::weights(int layer, Pass pass) {
  return state_->weights.get(state_->cuts.unit_of(layer), pass);
}
template <class T>
const Precise<T>* DataParallel<T>::exact_weights() const {
  return state_->weights.exact();
}
template <class T>
Precise<T>* DataParallel<T>::gradients(int layer) {
  return state_->gradients.get(state_->cuts.unit_of(layer));
}
template <class T>
void DataParallel<T>::done(int layer, Pass pass) {
  forget(layer);
  if (pass == Pass::kBackward) state_->gradients.done(state_->cuts.unit_of(layer));
}
template <class T>
void DataParallel<T>::forget(int layer) {
  state_->weights.forget(state_->cuts.unit_of(layer));
}

template <class T>
void DataParallel<T>::begin_step(int micro_batches) {
  state_->gradients.begin_step(micro_batches);
}

template <class T>
void DataParallel<T>::finish_gradients() {
  state_->gradients.finish();
  add_partial();
  for (std::size_t b = 0; b < state_->shards.size(); ++b) {
    const Shard& shard = state_->shards[b];
    const std::vector<TensorRun> runs = runs_of(state_->layout, shard);
    const auto is_tied = [](const TensorRun& run) { return run.tensor->row.is_tied(); };
    if (!std::any_of(runs.begin(), runs.end(), is_tied)) continue;
    state_->groups.embeddings.all_reduce(
        std::span(shard_gradients(shard), static_cast<std::size_t>(shard.size())));
  }
}

// Tensors that every tensor-parallel rank has a part of the sum of, in one call.
template <class T>
void DataParallel<T>::add_partial() {
  if (state_->groups.tensor.alone()) return;
  std::vector<std::span<Precise<T>>> parts;
  std::size_t count = 0;
  for (const Shard& shard : state_->shards) {
    for (const TensorRun& run : runs_of(state_->layout, shard)) {
      if (!run.tensor->row.partial) continue;
      parts.emplace_back(shard_gradients(shard) + (run.begin - shard.begin), run.size());
      count += parts.back().size();
    }
  }
  if (count == 0) return;
  Array<Precise<T>> sum(count);
  Precise<T>* at = sum.data();
  for (const auto part : parts) {
    copy_elements(part.data(), static_cast<long>(part.size()), at);
    at += part.size();
  }
  state_->groups.tensor.all_reduce(std::span<Precise<T>>(sum));
  at = sum.data();
  for (const auto part : parts) {
    copy_elements(at, static_cast<long>(part.size()), part.data());
    at += part.size();
  }
}

template <class T>
void DataParallel<T>::share_weights() {
  state_->weights.share();
}

template <class T>
const std::vector<Shard>& DataParallel<T>::shards() const {
  return state_->shards;
}
template <class T>
bool DataParallel<T>::replicates() const {
  return state_->zero == 0;
}
template <class T>
Precise<T>* DataParallel<T>::shard_weights(const Shard& shard) {
  return state_->weights.shard(state_->bucket_of(shard));
}
template <class T>
T* DataParallel<T>::rounded_weights(const Shard& shard) {
  return state_->weights.rounded(state_->bucket_of(shard));
}
template <class T>
Precise<T>* DataParallel<T>::shard_gradients(const Shard& shard) {
  return state_->gradients.shard(state_->bucket_of(shard));
}

template <class T>
void DataParallel<T>::read_weights(std::span<Host<T>> all) {
  state_->weights.read(all);
}
template <class T>
void DataParallel<T>::write_weights(std::span<const Host<T>> all) {
  state_->weights.write(all);
}

template class DataParallel<float>;
template class DataParallel<double>;
template class DataParallel<OnDevice<float>>;
template class DataParallel<OnDevice<Bf16>>;

namespace {

// Whether this rank is the one that counts a tensor's elements.
bool counts(const TensorRow& row, Groups& groups) {
  return row.tied_to.empty() && (row.cut != Cut::kWhole || groups.tensor.rank() == 0);
}

// The run without rows that are padding: they are the last ones of a part.
long end_of_values(const TensorRun& run) {
  const Part& part = run.tensor->part;
  const long rows = std::clamp(run.tensor->row.rows - part.first_row, 0L, part.rows);
  return std::min(run.end, run.tensor->offset + rows * part.columns);
}

}  // namespace

template <class T>
double squared_gradient_norm(DataParallel<T>& units, Groups& groups) {
  SquareSum<Precise<T>> squares;
  for (const Shard& shard : units.shards()) {
    if (units.replicates() && groups.gradients.rank() != 0) break;
    const Precise<T>* values = units.shard_gradients(shard);
    for (const TensorRun& run : runs_of(units.layout(), shard)) {
      const long count = end_of_values(run) - run.begin;
      if (count > 0 && counts(run.tensor->row, groups)) {
        squares.add(count, values + (run.begin - shard.begin));
      }
    }
  }
  double sum = squares.sum();
  groups.world.all_reduce(std::span(&sum, 1));
  return sum;
}
template double squared_gradient_norm(DataParallel<float>&, Groups&);
template double squared_gradient_norm(DataParallel<double>&, Groups&);
template double squared_gradient_norm(DataParallel<OnDevice<float>>&, Groups&);
template double squared_gradient_norm(DataParallel<OnDevice<Bf16>>&, Groups&);

}  // namespace tutti::train
