// Text from a model, token by token: the forward pass of new tokens alone, with what it needs of
// those before them kept (continuation.h). The prompt is one such pass.
//
// Tensor-parallel ranks share heads and channels, ranks of a pipeline the layers; data- and
// context-parallel ranks all do the same, so that shards of weights (ZeRO-3) are gathered alike.
//
// Tested by train_generate_test.cc, against the forward pass of the training.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "train/group.h"
#include "train/model_family.h"
#include "train/units.h"

namespace tutti::train {

template <class T>
class Generator {
 public:
  /// `units` has the tensors of this rank's chunks, cut as in training. `positions`: how many
  /// tokens it can take. Groups and units must outlive it.
  Generator(const ModelConfig& config, int chunks, Groups& groups, Units<T>& units, long positions);
  ~Generator();

  /// Takes tokens that follow those before; answers the logits of the next word, all of the
  /// vocabulary, the same on every rank. Good until the next call. Collective. Fails when there
  /// are more tokens than positions.
  std::span<const T> feed(std::span<const std::int32_t> tokens);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Sampling {
  double temperature = 0.8;  // 0: the likeliest word
  long top_k = 40;           // words to choose among; 0: all
  std::uint64_t seed = 1;
};

/// One of the words; `chance` in [0, 1) decides which.
template <class T>
std::int32_t pick(std::span<const T> logits, const Sampling& sampling, double chance);

/// As many tokens as `count`, or up to a token of `ends`, which is not among them. The n-th is a
/// function of the seed and n. Collective. REQUIRES: the prompt is not empty.
template <class T>
std::vector<std::int32_t> generate(Generator<T>& generator, std::span<const std::int32_t> prompt,
                                   long count, const Sampling& sampling,
                                   const std::vector<long>& ends);

}  // namespace tutti::train
