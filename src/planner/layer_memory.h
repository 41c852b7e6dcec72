// The arrays that a rank has of each sublayer of a layer, of a micro-batch: what is kept from
// forward to backward, and room that is used for a while. Counted array by array as tutti-train
// makes them (examples/train/app/sublayer_size.h), or PyTorch (Trainer::autograd), by the letters
// of layer.h.
//
// Tested by planner_estimate_test.cc, and by train_auto_mesh_test.cc against the trainer's own.

#pragma once

#include <map>
#include <vector>

#include "planner/layer.h"

namespace tutti::planner {

/// Arrays of equal size are used again for one another: how many there are of each.
using Arrays = std::map<double, int>;

/// Of a mixer, or of an MLP; in elements.
struct SublayerArrays {
  // What is kept, beside the input: always; unless recomputation is full; unless it is selective,
  // too.
  std::vector<double> always = {}, dear = {}, cheap = {};
  double gradients = 0;  // until gradients of its weights are made of them
  double workspace = 0;
};

/// The mixer's, and the MLP's where there is one.
std::vector<SublayerArrays> arrays_of(const ModelShape& model, const LayerRun& run,
                                      const Share& share);

/// Of a layer.
struct LayerMemory {
  double kept = 0;
  Arrays dropped = {};   // given back until the backward pass needs them
  double gradients = 0;  // of all its sublayers
  double complete = 0;   // kept, and what was dropped
};
LayerMemory layer_memory(const ModelShape& model, const LayerRun& run, const Share& share,
                         Recomputation recomputation);

/// Room that layers share: what is dropped, gradients of each kind of sublayer, workspace.
struct SharedRoom {
  double at_once = 0;  // where gradients of weights are made at once
  double always = 0;
};
SharedRoom shared_room(const ModelShape& model, const Share& share, Recomputation recomputation);

}  // namespace tutti::planner
