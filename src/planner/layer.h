// What a layer is to one rank: its parameters, what it computes, moves, says and keeps, for one
// micro-batch. Counted from the shape alone; costs.h makes seconds of it.
//
// Letters in comments: S tokens of a micro-batch on this rank, K of them kept between layers (S /
// tp with sequence parallelism), C width, H and J heads of queries and of keys, D head width, F
// columns of the MLP, I inner width of Mamba, N state, G groups, R rank of dt.
//
// Tested by planner_layer_test.cc.

#pragma once

#include <vector>

#include "tutti/planner.h"

namespace tutti::planner {

/// Multiplies rows x depth by depth x columns.
struct Product {
  double rows = 0;
  double columns = 0;
  double depth = 0;

  double flops() const { return 2 * rows * columns * depth; }
};

/// Forward; backward is twice that, but where said.
struct LayerWork {
  std::vector<Product> products = {};
  double pair_flops = 0;    // of queries with keys, and of chunks of a scan: matrix units
  double vector_flops = 0;  // of a scan without chunks
  double moved = 0;         // elements read and written by kernels that only move them
  int kernels = 0;

  // Elements of calls: of the largest buffer, all ranks' parts together.
  double shared = 0;  // S x C, what each of `exchanges` gathers and adds up again
  int exchanges = 0;  // over tensor parallel ranks: once round the mixer, once round the MLP
  double added = 0;   // all_reduce inside the mixer, over tensor parallel ranks (Mamba-1)
  double passed = 0;  // of a hop of a ring over context parallel ranks
  double gathered_state = 0;  // all_gather over context parallel ranks

  double again = 0;  // elements moved to compute again what is not kept with kSelective
};

/// What part of a model a rank has.
struct Share {
  double tokens = 0;    // S
  double kept = 0;      // K
  double precise = 1;   // elements of a number of the residual stream: fp32 with a Mamba
  double sequence = 0;  // of all context parallel ranks together
  int sequences = 1;    // of a micro-batch
  int tp = 1;
  int cp = 1;
  bool autograd = false;
};
Share share_of(const ModelShape& model, const Job& job, const Layout& layout);

LayerWork work_of(const ModelShape& model, const LayerRun& run, const Share& share);

/// Of one layer, on one of `tp` ranks.
double layer_parameters(const ModelShape& model, const LayerRun& run, int tp);
/// Those that tokens are multiplied with, of all ranks.
double multiplied_parameters(const ModelShape& model, const LayerRun& run);

}  // namespace tutti::planner
