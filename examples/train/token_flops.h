// Floating-point operations of one token trained on, as MFU counts them.

#pragma once

namespace tutti::train {

/// Forward and backward, in a sequence of some length; what is computed again counts for nothing.
/// What tokens do with those before them (attention; Mamba-2 within a chunk) is counted as computed
/// (causal) or as if every token saw all others (full), which is how many papers count.
struct TokenFlops {
  double causal = 0;
  double full = 0;
  // Of `causal`; the rest is attention's.
  double weights = 0;  // products with weights
  double scans = 0;    // of Mamba, with convolutions

  double attention() const { return causal - weights - scans; }
};

}  // namespace tutti::train
