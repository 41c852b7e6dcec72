#include "train/mamba_tensors.h"

#include <cmath>

namespace tutti::train {
namespace {

// In ±1/sqrt(columns), as PyTorch begins matrices and convolutions.
double uniform_scale(long columns) { return 1 / std::sqrt(static_cast<double>(columns)); }

class MambaTable {
 public:
  MambaTable(const MambaConfig& config, const Mesh& mesh, bool sequence_parallel)
      : config_(config),
        sequence_parallel_(sequence_parallel && mesh.tp() > 1),
        matrices_cut_(config.groups % mesh.tp() == 0) {}

  void begin_unit(const std::string& prefix, int layer) {
    prefix_ = prefix;
    layer_ = layer;
  }

  TensorRow& words(const char* name) {
    return add(name, config_.vocabulary, config_.width, Cut::kRows, Start::kNormal,
               config_.init_std);
  }

  void norm(const char* name) {
    ones(name, config_.width, Cut::kWhole).partial = sequence_parallel_;
  }

  void mamba1() {
    const long inner = config_.inner_width();
    matrix("mixer.in_proj.weight/x", inner, config_.width, Cut::kRows);
    matrix("mixer.in_proj.weight/z", inner, config_.width, Cut::kRows);
    convolution("mixer.conv1d.weight", inner);
    if (config_.convolution_bias) convolution_bias("mixer.conv1d.bias", inner);
    matrix("mixer.x_proj.weight", config_.step_rank + 2 * config_.states, inner, Cut::kColumns);
    matrix("mixer.dt_proj.weight", inner, config_.step_rank, Cut::kRows);
    time_steps("mixer.dt_proj.bias", inner);
    rates(inner, config_.states, Start::kLogColumn).form = Form::kMatrix;
    ones("mixer.D", inner, Cut::kRows).exact = true;
    out_projection(inner);
  }

  void mamba2() {
    const long inner = config_.inner_width();
    const long heads = config_.heads();
    matrix("mixer.in_proj.weight/z", inner, config_.width, Cut::kRows);
    matrix("mixer.in_proj.weight/x", inner, config_.width, Cut::kRows);
    for (const char* const name : {"mixer.in_proj.weight/B", "mixer.in_proj.weight/C"}) {
      in_groups(matrix(name, config_.matrix_width(), config_.width, Cut::kRows));
    }
    matrix("mixer.in_proj.weight/dt", heads, config_.width, Cut::kRows);
    convolution("mixer.conv1d.weight/x", inner);
    in_groups(convolution("mixer.conv1d.weight/B", config_.matrix_width()));
    in_groups(convolution("mixer.conv1d.weight/C", config_.matrix_width()));
    if (config_.convolution_bias) {
      convolution_bias("mixer.conv1d.bias/x", inner);
      in_groups(convolution_bias("mixer.conv1d.bias/B", config_.matrix_width()));
      in_groups(convolution_bias("mixer.conv1d.bias/C", config_.matrix_width()));
    }
    time_steps("mixer.dt_bias", heads);
    rates(heads, 1, Start::kLogUniform).range = {1, 16};
    ones("mixer.D", heads, Cut::kRows).exact = true;
    ones("mixer.norm.weight", inner, Cut::kRows);
    out_projection(inner);
  }

  void attention() {
    const MambaAttention& attention = config_.attention;
    const long keys = attention.kv_heads * attention.head_width;
    const long queries = attention.heads * attention.head_width;
    matrix("mixer.in_proj.weight/q", queries, config_.width, Cut::kRows);
    matrix("mixer.in_proj.weight/k", keys, config_.width, Cut::kRows);
    matrix("mixer.in_proj.weight/v", keys, config_.width, Cut::kRows);
    out_projection(queries);
  }

  std::vector<TensorRow> rows() && { return std::move(rows_); }

 private:
  TensorRow& add(const std::string& name, long rows, long columns, Cut cut, Start start,
                 double scale) {
    return rows_.emplace_back(TensorRow{prefix_ + name, rows, columns, cut, layer_, start, scale});
  }

  TensorRow& matrix(const char* name, long rows, long columns, Cut cut) {
    TensorRow& row = add(name, rows, columns, cut, Start::kUniform, uniform_scale(columns));
    row.form = Form::kMatrix;
    return row;
  }

  // Smaller by the number of those that the residual stream adds up.
  void out_projection(long columns) {
    matrix("mixer.out_proj.weight", config_.width, columns, Cut::kColumns).scale *=
        uniform_scale(config_.layers);
  }

  TensorRow& convolution(const char* name, long rows) {
    TensorRow& row = matrix(name, rows, config_.taps, Cut::kRows);
    row.form = Form::kDepthwise;
    return row;
  }

  TensorRow& convolution_bias(const char* name, long rows) {
    TensorRow& row = undecayed(name, rows, 1, Start::kUniform);
    row.scale = uniform_scale(config_.taps);
    return row;
  }

  TensorRow& undecayed(const char* name, long rows, long columns, Start start) {
    TensorRow& row = add(name, rows, columns, Cut::kRows, start, 0);
    row.decays = false;
    return row;
  }

  TensorRow& ones(const char* name, long rows, Cut cut) {
    TensorRow& row = undecayed(name, rows, 1, Start::kConstant);
    row.cut = cut;
    row.scale = 1;
    return row;
  }

  void time_steps(const char* name, long rows) {
    const TimeStepConfig& steps = config_.steps;
    TensorRow& row = undecayed(name, rows, 1, Start::kTimeStep);
    row.range = {steps.low, steps.high, steps.floor};
    row.exact = true;
  }

  TensorRow& rates(long rows, long columns, Start start) {
    TensorRow& row = undecayed("mixer.A_log", rows, columns, start);
    row.exact = true;
    return row;
  }

  void in_groups(TensorRow& row) const {
    row.cut = matrices_cut_ ? Cut::kRows : Cut::kWhole;
    row.partial = !matrices_cut_;
  }

  const MambaConfig& config_;
  const bool sequence_parallel_;
  const bool matrices_cut_;  // whether B and C are
  std::string prefix_;
  int layer_ = 0;
  std::vector<TensorRow> rows_;
};

}  // namespace

std::vector<TensorRow> mamba_tensors(const MambaConfig& config, StageLayers layers,
                                     const Mesh& mesh, bool sequence_parallel) {
  MambaTable table(config, mesh, sequence_parallel);
  const char* const embeddings = "backbone.embeddings.weight";
  const bool first = layers.first == 0;
  const bool last = layers.end == config.layers;
  table.begin_unit("", TensorRow::kBeforeLayers);
  if (first) table.words(embeddings).has_copy = config.tied && !last;
  for (int layer = layers.first; layer < layers.end; ++layer) {
    table.begin_unit("backbone.layers." + std::to_string(layer) + ".", layer);
    table.norm("norm.weight");
    if (config.is_attention(layer)) {
      table.attention();
    } else if (config.is_mamba1()) {
      table.mamba1();
    } else {
      table.mamba2();
    }
  }
  table.begin_unit("", TensorRow::kAfterLayers);
  if (last) table.norm("backbone.norm_f.weight");
  if (last && !(config.tied && first)) {
    // Where it is tied, it begins with the same values as on the first stage.
    table.words("lm_head.weight").tied_to = config.tied ? embeddings : "";
  }
  return std::move(table).rows();
}

}  // namespace tutti::train
