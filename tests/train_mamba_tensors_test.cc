// Tests examples/train/mamba_tensors.cc: tables of tensors of Mambas, in files and on ranks.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "train/mamba_tensors.h"

namespace tutti::train {
namespace {

std::vector<TensorRow> whole_model(const MambaConfig& config) {
  return mamba_tensors(config, {0, static_cast<int>(config.layers)}, {}, false);
}

TensorRow row_named(const std::vector<TensorRow>& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const TensorRow& row) { return row.name == name; });
  if (found != rows.end()) return *found;
  ADD_FAILURE() << name;
  return {};
}

using Shapes = std::map<std::string, std::vector<long>>;

// Of one layer, in files.
Shapes shapes_of_layer(const MambaConfig& config, int layer) {
  const std::string prefix = "backbone.layers." + std::to_string(layer) + ".";
  Shapes shapes;
  for (const InFiles& file : in_files(whole_model(config))) {
    if (file.name.starts_with(prefix)) shapes[file.name.substr(prefix.size())] = file.shape;
  }
  return shapes;
}

// Names and shapes of published files.
TEST(MambaTensors, OfMamba1AreHuggingFaces) {
  EXPECT_EQ(shapes_of_layer(mamba_preset("mamba-130m"), 3),
            (Shapes{{"norm.weight", {768}},
                    {"mixer.in_proj.weight", {3072, 768}},
                    {"mixer.conv1d.weight", {1536, 1, 4}},
                    {"mixer.conv1d.bias", {1536}},
                    {"mixer.x_proj.weight", {80, 1536}},
                    {"mixer.dt_proj.weight", {1536, 48}},
                    {"mixer.dt_proj.bias", {1536}},
                    {"mixer.A_log", {1536, 16}},
                    {"mixer.D", {1536}},
                    {"mixer.out_proj.weight", {768, 1536}}}));
}

TEST(MambaTensors, OfMamba2AreHuggingFaces) {
  EXPECT_EQ(shapes_of_layer(mamba_preset("mamba2-130m"), 23),
            (Shapes{{"norm.weight", {768}},
                    {"mixer.in_proj.weight", {3352, 768}},
                    {"mixer.conv1d.weight", {1792, 1, 4}},
                    {"mixer.conv1d.bias", {1792}},
                    {"mixer.dt_bias", {24}},
                    {"mixer.A_log", {24}},
                    {"mixer.D", {24}},
                    {"mixer.norm.weight", {1536}},
                    {"mixer.out_proj.weight", {768, 1536}}}));
}

TEST(MambaTensors, OfAttentionAreMambaSsms) {
  EXPECT_EQ(shapes_of_layer(mamba_preset("hybrid-tiny"), 2),
            (Shapes{{"norm.weight", {256}},
                    {"mixer.in_proj.weight", {512, 256}},
                    {"mixer.out_proj.weight", {256, 256}}}));
}

// Where there is one state or one rank, shapes still have two sizes.
TEST(MambaTensors, MatricesStayMatrices) {
  MambaConfig config = mamba_preset("mamba-tiny");
  config.states = config.step_rank = config.taps = 1;
  const Shapes shapes = shapes_of_layer(config, 0);
  EXPECT_EQ(shapes.at("mixer.A_log"), (std::vector<long>{512, 1}));
  EXPECT_EQ(shapes.at("mixer.dt_proj.weight"), (std::vector<long>{512, 1}));
  EXPECT_EQ(shapes.at("mixer.conv1d.weight"), (std::vector<long>{512, 1, 1}));
}

TEST(MambaTensors, PartsAreInTheOrderOfFiles) {
  const auto first_row = [](const char* preset, const std::string& name) {
    const Layout layout = lay_out(whole_model(mamba_preset(preset)), 0, 1);
    return layout.at("backbone.layers.2.mixer." + name).file.first_row;
  };
  EXPECT_EQ(first_row("mamba-tiny", "in_proj.weight/x"), 0);
  EXPECT_EQ(first_row("mamba-tiny", "in_proj.weight/z"), 512);
  EXPECT_EQ(first_row("mamba2-tiny", "in_proj.weight/z"), 0);
  EXPECT_EQ(first_row("mamba2-tiny", "in_proj.weight/x"), 512);
  EXPECT_EQ(first_row("mamba2-tiny", "in_proj.weight/B"), 1024);
  EXPECT_EQ(first_row("mamba2-tiny", "in_proj.weight/C"), 1088);
  EXPECT_EQ(first_row("mamba2-tiny", "in_proj.weight/dt"), 1152);
  EXPECT_EQ(first_row("mamba2-tiny", "conv1d.weight/C"), 576);
  EXPECT_EQ(first_row("mamba2-tiny", "conv1d.bias/B"), 512);
  EXPECT_EQ(first_row("hybrid-tiny", "in_proj.weight/v"), 384);
}

TEST(MambaTensors, AreAsManyNumbersAsParameters) {
  for (const std::string_view name : mamba_presets()) {
    MambaConfig config = mamba_preset(name);
    for (const bool tied : {false, true}) {
      config.tied = config.convolution_bias = tied;
      const auto rows = whole_model(config);
      EXPECT_EQ(parameters(config),
                std::accumulate(rows.begin(), rows.end(), 0L,
                                [](long n, const TensorRow& row) { return n + row.size(); }))
          << name;
    }
  }
}

// What is multiplied with the same, or filtered by the same, is one block of every rank's memory.
TEST(MambaTensors, PartsAreNeighboursOnEveryRank) {
  for (const int tp : {1, 2, 4}) {
    MambaConfig config = mamba_preset("hybrid-tiny");
    config.groups = 2;
    Mesh mesh;
    mesh.sizes = {1, 1, 1, tp};
    const auto rows = mamba_tensors(config, {0, 4}, mesh, true);
    for (int rank = 0; rank < tp; ++rank) {
      const Layout layout = lay_out(rows, rank, tp);
      for (std::size_t i = 1; i < layout.tensors.size(); ++i) {
        const Placed& before = layout.tensors[i - 1];
        if (layout.tensors[i].file.name != before.file.name) continue;
        EXPECT_EQ(layout.tensors[i].offset, before.offset + before.size());
      }
    }
  }
}

// Groups that ranks cannot share out are on all of them, and each has gradients of its own heads.
TEST(MambaTensors, GroupsAreCutOrPartial) {
  MambaConfig config = mamba_preset("mamba2-tiny");
  config.groups = 2;
  const auto row = [&](int tp, const std::string& name) {
    Mesh mesh;
    mesh.sizes = {1, 1, 1, tp};
    return row_named(mamba_tensors(config, {0, 1}, mesh, true), "backbone.layers.0." + name);
  };
  for (const char* const name :
       {"mixer.in_proj.weight/B", "mixer.in_proj.weight/C", "mixer.conv1d.weight/B",
        "mixer.conv1d.weight/C", "mixer.conv1d.bias/B", "mixer.conv1d.bias/C"}) {
    EXPECT_EQ(row(2, name).cut, Cut::kRows) << name;
    EXPECT_FALSE(row(2, name).partial) << name;
    EXPECT_EQ(row(4, name).cut, Cut::kWhole) << name;
    EXPECT_TRUE(row(4, name).partial) << name;
  }
  EXPECT_EQ(row(4, "mixer.in_proj.weight/x").cut, Cut::kRows);
  EXPECT_EQ(row(4, "mixer.out_proj.weight").cut, Cut::kColumns);
}

TEST(MambaTensors, NormsAreWholeAndPartialWhereTokensAreCut) {
  const MambaConfig config = mamba_preset("mamba-tiny");
  const auto is_partial = [&](int tp, bool sequence_parallel) {
    Mesh mesh;
    mesh.sizes = {1, 1, 1, tp};
    const TensorRow row = row_named(mamba_tensors(config, {0, 1}, mesh, sequence_parallel),
                                    "backbone.layers.0.norm.weight");
    EXPECT_EQ(row.cut, Cut::kWhole);
    return row.partial;
  };
  EXPECT_TRUE(is_partial(2, true));
  EXPECT_FALSE(is_partial(2, false));
  EXPECT_FALSE(is_partial(1, true));
}

// Mamba's papers: no weight decay of norms, biases, A and D.
TEST(MambaTensors, OnlyMatricesDecay) {
  for (const char* const name : {"mamba-tiny", "hybrid-tiny"}) {
    for (const TensorRow& row : whole_model(mamba_preset(name))) {
      const bool matrix = row.columns > 1 && !row.name.ends_with("A_log");
      EXPECT_EQ(row.decays, matrix) << row.name;
    }
  }
}

TEST(MambaTensors, StagesHaveTheirLayersAndCopiesOfTiedEmbeddings) {
  MambaConfig config = mamba_preset("mamba2-tiny");
  const std::string table = "backbone.embeddings.weight";
  const auto first = mamba_tensors(config, {0, 2}, {}, false);
  EXPECT_EQ(first.front().name, table);
  EXPECT_TRUE(first.front().has_copy);
  EXPECT_EQ(first.back().name, "backbone.layers.1.mixer.out_proj.weight");
  const auto last = mamba_tensors(config, {2, 4}, {}, false);
  EXPECT_EQ(last.front().name, "backbone.layers.2.norm.weight");
  EXPECT_EQ(last.back().name, "lm_head.weight");
  EXPECT_EQ(last.back().tied_to, table);
  EXPECT_EQ(whole_model(config).back().name, "backbone.norm_f.weight");
  EXPECT_FALSE(whole_model(config).front().has_copy);
  config.tied = false;
  EXPECT_EQ(whole_model(config).back().tied_to, "");
  EXPECT_FALSE(mamba_tensors(config, {0, 2}, {}, false).front().has_copy);
}

TEST(MambaTensors, BeginAsInMambaSsm) {
  const auto first = whole_model(mamba_preset("mamba-130m"));
  const auto second = whole_model(mamba_preset("mamba2-130m"));
  const auto at = [](const std::vector<TensorRow>& rows, const std::string& name) {
    return row_named(rows, "backbone.layers.0.mixer." + name);
  };
  EXPECT_EQ(at(first, "A_log").start, Start::kLogColumn);
  EXPECT_EQ(at(second, "A_log").range, (StartRange{1, 16, 0}));
  EXPECT_EQ(at(first, "dt_proj.bias").range, (StartRange{0.001, 0.1, 1e-4}));
  EXPECT_EQ(at(second, "dt_bias").start, Start::kTimeStep);
  EXPECT_EQ(at(second, "conv1d.bias/x").scale, 0.5);
  EXPECT_EQ(at(first, "D").scale, 1);
  EXPECT_DOUBLE_EQ(at(first, "dt_proj.weight").scale, std::pow(48, -0.5));
  EXPECT_DOUBLE_EQ(at(first, "out_proj.weight").scale, std::pow(1536 * 24, -0.5));
  EXPECT_EQ(first.front().scale, 0.02);
}

}  // namespace
}  // namespace tutti::train
