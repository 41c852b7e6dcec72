#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "train/kernels/adam.h"

namespace tutti::train {
namespace {

long elements_of(const std::vector<Shard>& shards) {
  long count = 0;
  for (const Shard& shard : shards) count += shard.size();
  return count;
}

// Between `most` at 0 and `least` at 1.
double cosine(double share) { return 0.5 * (1 + std::cos(std::numbers::pi * share)); }

}  // namespace

double clip_factor(const AdamSettings& settings, double norm) {
  return settings.clip_norm > 0 && norm > settings.clip_norm ? settings.clip_norm / norm : 1;
}

double RateSchedule::at(long step) const {
  if (step < warmup) return most * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const auto share = [&](double begin) {
    const double length = static_cast<double>(steps) - begin;
    return length <= 0 ? 1.0 : std::clamp((static_cast<double>(step) - begin) / length, 0.0, 1.0);
  };
  const double warm = static_cast<double>(warmup);
  double left = 1;  // of the way from least to most
  switch (kind) {
    case Kind::kConstant:
      break;
    case Kind::kLinear:
      left = 1 - share(warm);
      break;
    case Kind::kCosine:
      left = cosine(share(warm));
      break;
    case Kind::kWarmupStableDecay:
      left = 1 - std::sqrt(share(std::max(warm, static_cast<double>(steps) * (1 - decay_share))));
      break;
  }
  return least + (most - least) * left;
}

template <class T>
AdamW<T>::AdamW(DataParallel<T>& units, const AdamSettings& settings)
    : units_(units),
      settings_(settings),
      first_(static_cast<std::size_t>(elements_of(units.shards()))),
      second_(first_.size()) {
  first_.clear();
  second_.clear();
}

template <class T>
void AdamW<T>::step(double rate, double factor) {
  ++steps_;
  const double t = static_cast<double>(steps_);
  AdamStep numbers{settings_.beta1, settings_.beta2, settings_.epsilon, factor};
  numbers.rate = rate / (1 - std::pow(settings_.beta1, t));
  numbers.second_scale = 1 / std::sqrt(1 - std::pow(settings_.beta2, t));
  long at = 0;  // of the shard's moments
  for (const Shard& shard : units_.shards()) {
    Precise<T>* const weights = units_.shard_weights(shard);
    T* const rounded = units_.rounded_weights(shard);
    const Precise<T>* const gradients = units_.shard_gradients(shard);
    for (const TensorRun& run : runs_of(units_.layout(), shard)) {
      const long begin = run.begin - shard.begin;
      numbers.kept = run.tensor->row.decays ? 1 - rate * settings_.weight_decay : 1;
      adamw<T>(numbers, run.size(), gradients + begin, first_.data() + at + begin,
               second_.data() + at + begin, weights + begin, rounded + begin);
    }
    at += shard.size();
  }
}

template class AdamW<float>;
template class AdamW<double>;
template class AdamW<OnDevice<float>>;
template class AdamW<OnDevice<Bf16>>;

}  // namespace tutti::train
