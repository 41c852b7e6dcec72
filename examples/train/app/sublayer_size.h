// What a sublayer takes of a rank: the arrays that it makes, and what it gives to calls. In
// elements, by the letters of residual.h; one function for each kind, which follows the code of the
// sublayer array by array and call by call.
//
// Tested by train_estimate_test.cc, which counts both in real runs.

#pragma once

#include <vector>

#include "train/attention.h"
#include "train/llama.h"
#include "train/mamba.h"

namespace tutti::train {

/// The residual stream of a micro-batch on a rank.
struct StreamShape {
  StreamShape(const ComputeSettings& settings, long width, const Mesh& mesh, const Place& place);

  int tensor_rank = 0, tensor_ranks = 1;
  int context_rank = 0, context_ranks = 1;
  bool shares_tokens = false;  // sequence parallel
  double sequences = 0;
  long tokens = 0;  // of each on this rank
  double S = 0;     // tokens
  double K = 0;     // of them, kept between sublayers
  double C = 0;     // width

  /// What is given to a call that gathers the tokens, or adds up their parts.
  double gather() const { return shares_tokens ? K * C : 0; }
  double add() const { return tensor_ranks > 1 ? S * C : 0; }
};

/// Elements given to calls of these groups.
struct GroupVolume {
  double tensor = 0;
  double context = 0;
};

/// A call of one of these groups, by the elements of its largest buffer: all ranks' parts together.
struct GroupCall {
  Collective collective = Collective::kAllReduce;
  double elements = 0;
};

struct SublayerSize {
  // Arrays that a layer keeps beside its input (sublayer.h): always; unless recompute is full;
  // unless it is selective, too.
  std::vector<double> always, dear, cheap;
  double gradients = 0;  // what weigh() needs
  double workspace = 0;  // of all layers of the kind together
  // Of a micro-batch in one layer.
  GroupVolume forward, restore, backward;
  // What kinds of calls it makes, beside those that gather and add up tokens.
  std::vector<GroupCall> tensor_calls, context_calls;
};

SublayerSize attention_size(const AttentionSettings& settings, const StreamShape& stream);
/// `width` on all ranks.
SublayerSize mlp_size(long width, const StreamShape& stream);
SublayerSize mamba1_size(const MambaConfig& config, const StreamShape& stream);
SublayerSize mamba2_size(const MambaSettings& settings, const StreamShape& stream);

/// Of a whole model; as Sublayers (language_stage.h).
struct SublayerSizes {
  std::vector<SublayerSize> kinds;
  std::vector<std::vector<int>> layers;  // of each layer, indices of kinds
};
SublayerSizes sizes_of(const LlamaSettings& settings, const StreamShape& stream);
SublayerSizes sizes_of(const MambaSettings& settings, const StreamShape& stream);

}  // namespace tutti::train
