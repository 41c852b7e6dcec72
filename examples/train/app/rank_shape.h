// Sizes on one rank, by the letters of llama.cc: what estimates are made of.

#pragma once

#include "train/app/estimate.h"
#include "train/shards.h"

namespace tutti::train {

struct RankShape {
  RankShape(const Plan& plan, const Place& place);

  double S = 0;                // tokens of a micro-batch
  double K = 0;                // of them, kept between layers
  double C = 0;                // width
  double heads = 0;            // H
  double HD = 0;               // width of all heads
  double QKV = 0;              // (H + 2J) D
  double F = 0;                // columns of the MLP
  double V = 0;                // words
  double pairs = 0;            // elements of keys and values of a micro-batch
  bool shares_tokens = false;  // sequence parallel
  int micro_batches = 0;
  int gradient_ranks = 0;  // data and context
  int gradient_rank = 0;
  int zero = 0;  // as it is: 0 where there is nobody to share with
  std::vector<StageLayers> chunks;
  Layout layout;
  Cuts cuts;

  int layers() const;
  bool is_first(const StageLayers& chunk) const { return chunk.first == 0; }
  bool is_last(const StageLayers& chunk) const { return chunk.end == model_layers; }
  double bucket_elements() const;
  double shard_elements() const;
  Shard shard(const Bucket& bucket) const;

  int model_layers = 0;
};

}  // namespace tutti::train
