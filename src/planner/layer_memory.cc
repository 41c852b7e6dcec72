#include "planner/layer_memory.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace tutti::planner {
namespace {

// Of the trainer's scan of Mamba-1: tokens from a state that is kept to the next, and channels of a
// block.
constexpr double kScanChunk = 64;
constexpr double kScanBlock = 32;

double d(long value) { return static_cast<double>(value); }

double groups_on(const LayerRun& run, int tp) { return std::max(1.0, d(run.groups) / tp); }

// Between the residual stream and the weights.
void add_stream(double C, const Share& s, SublayerArrays& arrays) {
  arrays.cheap.push_back(s.tokens * C);  // normed
  if (s.autograd) {
    arrays.workspace += s.tokens * C;
    return;
  }
  arrays.dear.push_back(s.kept);  // a number a row
  arrays.gradients += s.kept * C + s.tokens * C;
}

SublayerArrays attention(const LayerRun& run, double C, const Share& s) {
  const double S = s.tokens;
  const double HD = d(run.heads * run.head_width) / s.tp;
  const double KV = d(2 * run.kv_heads * run.head_width) / s.tp;
  const double H = d(run.heads) / s.tp;
  SublayerArrays arrays;
  add_stream(C, s, arrays);
  arrays.dear.insert(arrays.dear.end(), {S * (HD + KV), S * HD, S * H});
  if (s.autograd) {
    arrays.dear.push_back(S * (HD + KV / 2));  // rotated ones beside those that were not
    arrays.workspace += S * (HD + KV);
    return arrays;
  }
  arrays.gradients += S * (HD + KV);
  arrays.workspace += S * HD + 2 * S * H;
  arrays.workspace += 4 * S * KV;  // that travel and that arrive, and their gradients
  const auto turns = static_cast<std::uint64_t>(s.sequence * d(run.head_width) / 2);
  arrays.workspace += 2 * d(static_cast<long>(std::bit_ceil(turns)));
  return arrays;
}

SublayerArrays mlp(const LayerRun& run, double C, const Share& s) {
  const double F = d(run.mlp_width) / s.tp;
  SublayerArrays arrays;
  add_stream(C, s, arrays);
  arrays.dear.push_back(s.tokens * 2 * F);
  if (s.autograd) arrays.dear.push_back(s.tokens * F);  // the activated gate
  arrays.cheap.push_back(s.tokens * F);
  (s.autograd ? arrays.workspace : arrays.gradients) += s.tokens * 2 * F;
  if (!s.autograd) arrays.workspace += s.tokens * F;
  return arrays;
}

// What shards of a sequence tell each other: rows before the first token; a state, and its decay.
void add_shards(const Share& s, double halo, double decays, double state, SublayerArrays& arrays) {
  arrays.dear.push_back(s.sequences * decays);
  arrays.workspace += s.sequences * halo;
  if (s.cp == 1) return;
  arrays.always.push_back(s.sequences * halo);
  arrays.workspace += s.sequences * (halo + 2 * (decays + state) + state);
}

SublayerArrays mamba1(const LayerRun& run, double C, const Share& s) {
  const double I = d(run.inner) / s.tp;
  const double state = I * d(run.state);
  const double wide = s.tokens * I;
  const double selected = s.tokens * d(run.dt_rank + 2 * run.state);
  const double chunks = std::ceil(s.tokens / s.sequences / kScanChunk) + 1;
  SublayerArrays arrays;
  add_stream(C, s, arrays);
  arrays.dear.insert(arrays.dear.end(), 4, wide);  // x, z, what is scanned of them and comes out
  arrays.dear.push_back(selected);
  arrays.dear.push_back(s.sequences * chunks * state);
  arrays.cheap.insert(arrays.cheap.end(), 3, wide);
  arrays.gradients += 4 * wide + selected + state + I;
  arrays.workspace += 3 * wide + state;
  arrays.workspace += (std::ceil(I / kScanBlock) + 4 * kScanChunk + 3) * d(run.state) * kScanBlock;
  add_shards(s, d(run.conv - 1) * I, state, state, arrays);
  return arrays;
}

SublayerArrays mamba2(const LayerRun& run, double C, const Share& s) {
  const double S = s.tokens;
  const double I = d(run.inner) / s.tp;
  const double H = d(run.heads) / s.tp;
  const double convolved = I + 2 * groups_on(run, s.tp) * d(run.state);
  const double projected = I + convolved + H;
  const double state = I * d(run.state);
  const double chunks = std::ceil(S / s.sequences / d(run.chunk)) + 1;
  SublayerArrays arrays;
  add_stream(C, s, arrays);
  for (const double columns : {projected, I, 1.0, 1.0, H}) arrays.dear.push_back(S * columns);
  arrays.dear.push_back(s.sequences * chunks * state);
  for (const double columns : {I, I, convolved}) arrays.cheap.push_back(S * columns);
  arrays.gradients += S * (projected + I + convolved) + 2 * H;
  arrays.workspace += S * (2 * I + 1 + H) + s.sequences * chunks * state;
  add_shards(s, d(run.conv - 1) * convolved, H, state, arrays);
  return arrays;
}

SublayerArrays mixer(const LayerRun& run, double C, const Share& s) {
  switch (run.mixer) {
    case Mixer::kAttention:
      return attention(run, C, s);
    case Mixer::kMamba1:
      return mamba1(run, C, s);
    case Mixer::kMamba2:
      return mamba2(run, C, s);
  }
  return {};
}

bool is_alike(LayerRun a, const LayerRun& b) {
  a.layers = b.layers;
  return a == b;
}

double sum(const Arrays& arrays) {
  double elements = 0;
  for (const auto& [size, count] : arrays) elements += size * count;
  return elements;
}

}  // namespace

std::vector<SublayerArrays> arrays_of(const ModelShape& model, const LayerRun& run,
                                      const Share& share) {
  const double C = d(model.width);
  std::vector<SublayerArrays> all = {mixer(run, C, share)};
  if (run.mlp_width > 0) all.push_back(mlp(run, C, share));
  return all;
}

LayerMemory layer_memory(const ModelShape& model, const LayerRun& run, const Share& share,
                         Recomputation recomputation) {
  LayerMemory memory;
  const auto put = [&](double array, bool is_kept) {
    memory.complete += array;
    if (is_kept) memory.kept += array;
    if (!is_kept) ++memory.dropped[array];
  };
  bool is_first = true;
  for (const SublayerArrays& sublayer : arrays_of(model, run, share)) {
    put(share.precise * share.kept * d(model.width),
        is_first || recomputation != Recomputation::kFull);
    for (const double array : sublayer.always) put(array, true);
    for (const double array : sublayer.dear) put(array, recomputation != Recomputation::kFull);
    for (const double array : sublayer.cheap) put(array, recomputation == Recomputation::kNone);
    memory.gradients += sublayer.gradients;
    is_first = false;
  }
  return memory;
}

SharedRoom shared_room(const ModelShape& model, const Share& share, Recomputation recomputation) {
  SharedRoom room;
  Arrays spare;
  for (auto run = model.runs.begin(); run != model.runs.end(); ++run) {
    const auto same = [&](const LayerRun& other) { return is_alike(other, *run); };
    if (std::any_of(model.runs.begin(), run, same)) continue;
    const LayerMemory memory = layer_memory(model, *run, share, recomputation);
    for (const auto& [size, count] : memory.dropped) spare[size] = std::max(spare[size], count);
    room.at_once += memory.gradients;
    for (const SublayerArrays& sublayer : arrays_of(model, *run, share)) {
      room.always += sublayer.workspace;
    }
  }
  room.at_once += sum(spare);
  return room;
}

}  // namespace tutti::planner
