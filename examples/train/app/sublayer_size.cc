#include "train/app/sublayer_size.h"

#include <bit>
#include <cstdint>

#include "train/mamba1.h"
#include "train/mamba2_heads.h"

namespace tutti::train {
namespace {

// What every sublayer does between the stream and its weights.
void add_stream(const StreamShape& r, SublayerSize& size) {
  size.dear.push_back(r.K);         // r
  size.cheap.push_back(r.S * r.C);  // normed
  size.gradients += r.K * r.C;      // normed
  size.gradients += r.S * r.C;      // of what is added up, gathered
  size.forward.tensor += r.gather() + r.add();
  size.restore.tensor += r.gather();
  size.backward.tensor += r.gather() + r.add();
}

// What shards tell each other (state_passing.h), of one sequence: a halo; a state, and numbers for
// its decay.
struct ShardMessages {
  double halo = 0;
  double decays = 0;
  double state = 0;
};
void add_shards(const StreamShape& r, const ShardMessages& messages, SublayerSize& size) {
  const double halo = r.sequences * messages.halo;
  const double map = r.sequences * (messages.decays + messages.state);
  size.dear.push_back(r.sequences * messages.decays);
  size.workspace += halo;  // its gradient
  if (r.context_ranks == 1) return;
  size.always.push_back(halo);
  // What goes, what comes; the state of the latter.
  size.workspace += halo + 2 * map + r.sequences * messages.state;
  const bool first = r.context_rank == 0;
  const bool last = r.context_rank == r.context_ranks - 1;
  size.forward.context += (last ? 0 : halo) + map;
  size.backward.context += (first ? 0 : halo) + map;
  size.context_calls.push_back({Collective::kSendRecv, halo});
  size.context_calls.push_back({Collective::kExclusiveScan, map});
}

// ShardScan (mamba2_scan.h).
void add_scan(const MambaConfig& config, const SsdShape& ssd, const StreamShape& r,
              SublayerSize& size) {
  const auto heads = static_cast<double>(ssd.heads);
  const auto state = static_cast<double>(ssd.state_size());
  const auto convolved = static_cast<double>(ssd.input_stride);  // x B C
  const double states = r.sequences * static_cast<double>(ssd.chunks() + 1) * state;
  size.cheap.push_back(r.S * convolved);
  size.dear.push_back(r.S * heads);  // dt
  size.dear.push_back(states);
  size.gradients += r.S * convolved + 2 * heads;
  size.workspace += r.S * heads + states;  // d_dt, d_states
  add_shards(r, {static_cast<double>(config.taps - 1) * convolved, heads, state}, size);
}

// HeadScan (mamba2_heads.h).
void add_head_scan(const MambaConfig& config, const SsdShape& ssd, const StreamShape& r,
                   SublayerSize& size) {
  const SsdShape own = shared_heads(ssd, r.context_rank, r.context_ranks);
  StreamShape whole = r;  // sequences
  whole.S *= r.context_ranks;
  whole.context_ranks = 1;
  const double columns = whole.S * static_cast<double>(own.input_stride + own.heads);
  const double outputs = whole.S * static_cast<double>(own.heads * own.width);
  add_scan(config, own, whole, size);
  size.dear.push_back(columns);
  size.gradients += columns;
  size.workspace += 2 * columns + 4 * outputs;  // out and in, of both; y, dy
  size.workspace += static_cast<double>(own.input_stride * (config.taps + 1));
  if (r.context_ranks == 1) return;
  size.forward.context += columns + outputs;
  size.backward.context += columns + outputs;
  for (const double all : {columns, outputs}) {
    size.context_calls.push_back({Collective::kAllToAll, all});
  }
}

}  // namespace

StreamShape::StreamShape(const ComputeSettings& settings, long width, const Mesh& mesh,
                         const Place& place)
    : tensor_rank(place[static_cast<int>(Dimension::kTensor)]),
      tensor_ranks(mesh.tp()),
      context_rank(place[static_cast<int>(Dimension::kContext)]),
      context_ranks(mesh.cp()),
      shares_tokens(settings.sequence_parallel && mesh.tp() > 1),
      sequences(static_cast<double>(settings.sequences)),
      tokens(settings.sequence / mesh.cp()),
      S(sequences * static_cast<double>(tokens)),
      K(shares_tokens ? S / mesh.tp() : S),
      C(static_cast<double>(width)) {}

SublayerSize attention_size(const AttentionSettings& settings, const StreamShape& r) {
  const double n = r.context_ranks;
  const double heads = static_cast<double>(settings.heads.heads) / r.tensor_ranks;
  const double width = static_cast<double>(settings.heads.width);
  const double pair = 2 * static_cast<double>(settings.heads.kv_heads) / r.tensor_ranks * width;
  const double qkv = heads * width + pair;
  const double pairs = r.S * pair;  // of this rank
  const bool ring = settings.context == ContextKind::kRing;

  SublayerSize size;
  add_stream(r, size);
  // qkv, attended, log_sum
  for (const double columns : {qkv, heads * width, heads}) size.dear.push_back(r.S * columns);
  size.gradients += r.S * qkv;
  size.workspace += r.S * heads * width + 2 * r.S * heads;  // d_attended; sum, delta
  size.workspace += pairs * (ring ? 4 : 1 + 2 * n);         // and their gradients; arriving
  const auto turns = static_cast<std::uint64_t>(settings.sequence * settings.heads.width / 2);
  size.workspace += 2 * static_cast<double>(std::bit_ceil(turns));
  if (r.context_ranks == 1) return size;
  size.forward.context = pairs * (ring ? n - 1 : 1);
  size.backward.context = size.forward.context + pairs * n;
  if (ring) {
    size.context_calls = {{Collective::kSendRecv, pairs}};
  } else {
    size.context_calls = {{Collective::kAllGather, n * pairs},
                          {Collective::kReduceScatter, n * pairs}};
  }
  return size;
}

SublayerSize mlp_size(long width, const StreamShape& r) {
  const double columns = static_cast<double>(width) / r.tensor_ranks;
  SublayerSize size;
  add_stream(r, size);
  size.dear.push_back(r.S * 2 * columns);  // gate_up
  size.cheap.push_back(r.S * columns);     // activated
  size.gradients += r.S * 2 * columns;
  size.workspace += r.S * columns;
  return size;
}

SublayerSize mamba1_size(const MambaConfig& config, const StreamShape& r) {
  const ScanShape scan = scan_shape_of(config, r.tokens, r.tensor_ranks);
  const auto channels = static_cast<double>(scan.channels);
  const auto state = static_cast<double>(scan.state_size());
  const double wide = r.S * channels;
  const double selected = r.S * static_cast<double>(scan.matrix_stride);  // dt B C
  const double halo = static_cast<double>(config.taps - 1) * channels;

  SublayerSize size;
  add_stream(r, size);
  size.dear.insert(size.dear.end(), 4, wide);  // x, z, raw, y
  size.dear.push_back(selected);
  size.dear.push_back(r.sequences * static_cast<double>(scan.chunks() + 1) * state);
  size.cheap.insert(size.cheap.end(), 3, wide);  // convolved, delta, gated
  size.gradients += 4 * wide + selected + state + channels;
  size.workspace += 3 * wide + state;  // d_gated, d_y, d_delta; d_initial
  size.workspace += static_cast<double>(scan_backward_room(scan));
  if (r.context_ranks > 1) size.workspace += state;  // final
  add_shards(r, {halo, state, state}, size);
  if (r.tensor_ranks == 1) return size;
  size.tensor_calls = {{Collective::kAllReduce, selected}};
  size.forward.tensor += selected;
  size.backward.tensor += selected;
  return size;
}

SublayerSize mamba2_size(const MambaSettings& settings, const StreamShape& r) {
  const MambaConfig& config = settings.config;
  const SsdShape ssd = ssd_shape(config, r.tokens, r.tensor_rank, r.tensor_ranks);
  const auto inner = static_cast<double>(ssd.heads * ssd.width);
  const double projected = inner + static_cast<double>(ssd.input_stride + ssd.heads);  // z x B C dt
  const bool cuts_groups = config.norm_groups < r.tensor_ranks;
  const auto all_groups = static_cast<double>(config.norm_groups);
  const double groups = cuts_groups ? 1 : all_groups / r.tensor_ranks;

  SublayerSize size;
  add_stream(r, size);
  // projected, y; sums of squares, r
  for (const double columns : {projected, inner, groups, groups}) {
    size.dear.push_back(r.S * columns);
  }
  size.cheap.insert(size.cheap.end(), 2, r.S * inner);  // gated, mixed
  size.gradients += r.S * (projected + inner);
  size.workspace += r.S * (2 * inner + groups);  // d_gated, d_y, sums
  if (settings.scan == ScanKind::kHeads) {
    add_head_scan(config, ssd, r, size);
  } else {
    add_scan(config, ssd, r, size);
  }
  if (!cuts_groups) return size;
  size.workspace += r.S * all_groups;
  size.tensor_calls = {{Collective::kAllReduce, r.S * all_groups}};
  size.forward.tensor += r.S * all_groups;
  size.backward.tensor += r.S * all_groups;
  return size;
}

SublayerSizes sizes_of(const LlamaSettings& settings, const StreamShape& stream) {
  SublayerSizes sizes;
  sizes.kinds = {attention_size(attention_of(settings), stream),
                 mlp_size(settings.config.mlp_width, stream)};
  sizes.layers.assign(static_cast<std::size_t>(settings.config.layers), {0, 1});
  return sizes;
}

SublayerSizes sizes_of(const MambaSettings& settings, const StreamShape& stream) {
  const MambaConfig& config = settings.config;
  SublayerSizes sizes;
  sizes.kinds.push_back(config.is_mamba1() ? mamba1_size(config, stream)
                                           : mamba2_size(settings, stream));
  if (config.is_hybrid()) sizes.kinds.push_back(attention_size(attention_of(settings), stream));
  for (int layer = 0; layer < config.layers; ++layer) {
    sizes.layers.push_back({config.is_attention(layer) ? 1 : 0});
  }
  return sizes;
}

}  // namespace tutti::train
