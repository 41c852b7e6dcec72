// Sizes on one rank: what estimates are made of.

#pragma once

#include "train/app/estimate.h"
#include "train/app/sublayer_size.h"
#include "train/shards.h"

namespace tutti::train {

struct RankShape {
  RankShape(const Plan& plan, const Place& place);

  StreamShape stream;
  SublayerSizes sublayers;
  Recompute recompute = Recompute::kNone;
  double hidden = 0;  // elements of K x C numbers of the residual stream
  double exact = 0;   // elements that an exact weight takes beside the rounded one
  double V = 0;       // words
  int micro_batches = 0;
  int gradient_ranks = 0;  // data and context
  int gradient_rank = 0;
  int zero = 0;  // as it is: 0 where there is nobody to share with
  std::vector<StageLayers> chunks;
  Layout layout;
  Cuts cuts;

  bool is_first(const StageLayers& chunk) const { return chunk.first == 0; }
  bool is_last(const StageLayers& chunk) const { return chunk.end == model_layers; }
  double bucket_elements() const;
  double shard_elements() const;
  /// Of a bucket's weights, that this rank gives to others.
  double given_elements(const Bucket& bucket) const;
  Shard shard(const Bucket& bucket) const;
  /// How often a unit's weights are gathered for a micro-batch (ZeRO-3).
  int gathers(const Unit& unit) const;

  int model_layers = 0;
};

}  // namespace tutti::train
