// The tensors of a Mamba, in Hugging Face's names and shapes (mamba_ssm has the same but for the
// table of embeddings, which tensor_store.h knows). C width, Di = expand C, N states, K taps of the
// convolution; of Mamba-1 R the rank of time steps; of Mamba-2 H heads, G groups. Cut: rows or
// columns of each part for tensor parallelism.
//
//   norm.weight                 [C]            whole
//   Mamba-1
//   mixer.in_proj.weight        [2 Di, C]      rows of parts /x, /z
//   mixer.conv1d.weight, .bias  [Di, 1, K], [Di]  rows
//   mixer.x_proj.weight         [R + 2N, Di]   columns
//   mixer.dt_proj.weight, .bias [Di, R], [Di]  rows
//   mixer.A_log, .D             [Di, N], [Di]  rows
//   mixer.out_proj.weight       [C, Di]        columns
//   Mamba-2
//   mixer.in_proj.weight        [2 Di + 2 G N + H, C]  rows of parts /z, /x, /B, /C, /dt
//   mixer.conv1d.weight, .bias  [Di + 2 G N, 1, K], …  rows of parts /x, /B, /C
//   mixer.dt_bias, .A_log, .D   [H]            rows
//   mixer.norm.weight           [Di]           rows
//   mixer.out_proj.weight       [C, Di]        columns
//   attention, of J key heads of width D
//   mixer.in_proj.weight        [(H + 2J) D, C]  rows of parts /q, /k, /v
//   mixer.out_proj.weight       [C, H D]       columns
//
// B and C of Mamba-2 are cut where each rank gets whole groups; otherwise every rank has all of
// them, and gradients from its own heads only. Weights begin as in mamba_ssm. A_log, D and the bias
// of time steps are exact, also as there: what they are off by adds up over a sequence.
//
// Tested by train_mamba_tensors_test.cc.

#pragma once

#include <vector>

#include "train/mamba_config.h"
#include "train/model.h"

namespace tutti::train {

/// Of a stage; what is multiplied with the same are neighbours. `sequence_parallel`: each rank of
/// the tensor group norms tokens of its own.
std::vector<TensorRow> mamba_tensors(const MambaConfig& config, StageLayers layers,
                                     const Mesh& mesh, bool sequence_parallel);

}  // namespace tutti::train
