// Tests examples/train/generate.cc: what it makes of kept keys is what the training's forward pass
// makes of all tokens, on every mesh.
//
// ROOMS: train
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/generate.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

// A vocabulary that leaves padding.
LlamaConfig small(bool tied) {
  return {.vocabulary = 29,
          .width = 16,
          .mlp_width = 24,
          .layers = 4,
          .heads = 4,
          .kv_heads = 2,
          .head_width = 4,
          .init_std = 0.4,
          .tied = tied,
          .rope = {}};
}

// Chunks shorter than the prompt.
MambaConfig small_mamba(MambaFamily family, bool tied) {
  MambaConfig config{.family = family,
                     .vocabulary = 29,
                     .width = 16,
                     .layers = 4,
                     .states = 5,
                     .init_std = 0.4,
                     .tied = tied,
                     .step_rank = 3,
                     .head_width = 4,
                     .groups = 2,
                     .chunk = 3,
                     .norm_groups = 2};
  config.steps.high = 0.9;
  return config;
}
MambaConfig small_hybrid(bool tied) {
  MambaConfig config = small_mamba(MambaFamily::kMamba2, tied);
  config.norm_groups = 1;  // is cut by two ranks
  config.attention = {.layers = {1, 3}, .heads = 4, .kv_heads = 2, .head_width = 4};
  return config;
}

std::vector<ModelConfig> all_families(bool tied) {
  return {small(tied), small_mamba(MambaFamily::kMamba1, tied),
          small_mamba(MambaFamily::kMamba2, tied), small_hybrid(tied)};
}

using Tokens32 = std::vector<std::int32_t>;
const Tokens32 kPrompt = {3, 1, 4, 1, 5};

// Weights as training begins with.
PlainUnits<double> units_of(const ModelConfig& config, int chunks, const Groups& groups) {
  const std::unique_ptr<Model> model = make_model(settings_of(config));
  const int stages = groups.mesh.pp() * chunks;
  std::vector<TensorRow> rows;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const auto layers = split_layers(
        model->layers(), stages)[chunk * groups.mesh.pp() + groups.at(Dimension::kPipeline)];
    const auto some = model->tensors(layers, groups.mesh);
    rows.insert(rows.end(), some.begin(), some.end());
  }
  PlainUnits<double> units(lay_out(rows, groups.at(Dimension::kTensor), groups.mesh.tp()));
  for (const Placed& placed : units.layout().tensors) {
    start_values(placed.row, placed.part, 1, units.all_weights().data() + placed.offset);
  }
  return units;
}

// Minus the logarithm of the likelihood of `word` after the tokens, by the forward pass of the
// training, which knows nothing of generation.
double surprise(const ModelConfig& config, const Tokens32& tokens, std::int32_t word) {
  double loss = 0;
  on_mesh({}, [&](Groups& groups) {
    ModelSettings settings = settings_of(config);
    computing(settings).sequence = static_cast<long>(tokens.size());
    const std::unique_ptr<Model> model = make_model(settings);
    PlainUnits<double> units = units_of(config, 1, groups);
    const auto stage = model->make_stage({0, model->layers()}, groups, units);
    const auto stash = stage->make_stash();
    MicroBatch batch{tokens, Tokens32(tokens.size(), kIgnored)};
    batch.labels.back() = word;
    loss = stage->forward(*stash, batch, nullptr, nullptr, 0);
  });
  return loss;
}

// By the training's forward pass alone: all tokens again for each new one.
Tokens32 greedy_from_scratch(const ModelConfig& config, long count) {
  Tokens32 tokens = kPrompt;
  for (long n = 0; n < count; ++n) {
    std::vector<double> surprises;
    for (std::int32_t word = 0; word < shape_of(config).vocabulary; ++word) {
      surprises.push_back(surprise(config, tokens, word));
    }
    const auto least = std::min_element(surprises.begin(), surprises.end());
    tokens.push_back(static_cast<std::int32_t>(least - surprises.begin()));
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(kPrompt.size()), tokens.end()};
}

Tokens32 greedy(const ModelConfig& config, const Mesh& mesh, int chunks, long count) {
  std::vector<Tokens32> texts(mesh.ranks());
  on_mesh(mesh, [&](Groups& groups) {
    PlainUnits<double> units = units_of(config, chunks, groups);
    Generator<double> generator(config, chunks, groups, units, 32);
    texts[groups.world.rank()] =
        generate(generator, std::span<const std::int32_t>(kPrompt), count, {.temperature = 0}, {});
  });
  for (const Tokens32& text : texts) EXPECT_EQ(text, texts.front());
  return texts.front();
}

TEST(Generate, GreedyTextIsWhatTheTrainingsForwardPassMakesOfAllTokens) {
  for (const ModelConfig& config : all_families(false)) {
    SCOPED_TRACE(describe(config));
    const Tokens32 expected = greedy_from_scratch(config, 8);
    // Not one word again and again, or it would prove little.
    EXPECT_GT(std::count_if(expected.begin(), expected.end(),
                            [&](auto word) { return word != expected.front(); }),
              2);
    EXPECT_EQ(greedy(config, {}, 1, 8), expected);
  }
}

TEST(Generate, TiedEmbeddings) {
  for (const ModelConfig& config : all_families(true)) {
    SCOPED_TRACE(describe(config));
    EXPECT_EQ(greedy(config, {}, 1, 4), greedy_from_scratch(config, 4));
  }
}

TEST(Generate, EveryMeshMakesTheSameText) {
  for (const bool tied : {false, true}) {
    for (const ModelConfig& config : all_families(tied)) {
      SCOPED_TRACE(describe(config));
      const Tokens32 expected = greedy(config, {}, 1, 12);
      EXPECT_EQ(greedy(config, mesh_of(1, 1, 1, 2), 1, 12), expected);
      EXPECT_EQ(greedy(config, mesh_of(1, 2, 1, 1), 1, 12), expected);
      EXPECT_EQ(greedy(config, mesh_of(1, 2, 1, 2), 2, 12), expected);
      EXPECT_EQ(greedy(config, mesh_of(2, 1, 2, 1), 1, 12), expected);
      EXPECT_EQ(greedy(config, mesh_of(1, 1, 1, 1), 2, 12), expected);
    }
  }
}

// Fed in pieces: shorter and longer than what a convolution sees, and one token alone.
TEST(Generate, LogitsAreTheTrainingsLikelihoods) {
  const Tokens32 text = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  for (const ModelConfig& config : all_families(false)) {
    SCOPED_TRACE(describe(config));
    on_mesh(mesh_of(1, 1, 1, 2), [&](Groups& groups) {
      PlainUnits<double> units = units_of(config, 1, groups);
      Generator<double> generator(config, 1, groups, units, 10);
      generator.feed(std::span(text).first(2));
      generator.feed(std::span(text).subspan(2, 5));
      generator.feed(std::span(text).subspan(7, 1));
      const auto logits = generator.feed(std::span(text).subspan(8));
      const double all = std::accumulate(logits.begin(), logits.end(), 0.0,
                                         [](double sum, double x) { return sum + std::exp(x); });
      for (const std::int32_t word : {0, 14, 28}) {
        EXPECT_NEAR(std::log(all) - logits[word], surprise(config, text, word), 1e-10);
      }
    });
  }
}

TEST(Generate, MoreTokensThanPositionsAndWordsThatThereAreNotAreRefused) {
  const auto failures = run_on_mesh({}, [&](Groups& groups) {
    PlainUnits<double> units = units_of(small(false), 1, groups);
    Generator<double> generator(small(false), 1, groups, units, 6);
    generator.feed(std::span(kPrompt));
    EXPECT_THROW(generator.feed(std::span(kPrompt)), Failure);
    generator.feed(Tokens32{29});
  });
  EXPECT_EQ(failures.front(), "token 29: expected 0 to 28");
}

TEST(Generate, ItEndsAtATokenThatEnds) {
  on_mesh({}, [](Groups& groups) {
    PlainUnits<double> units = units_of(small(false), 1, groups);
    const auto text = [&](const std::vector<long>& ends) {
      Generator<double> generator(small(false), 1, groups, units, 32);
      return generate(generator, std::span<const std::int32_t>(kPrompt), 8, {.temperature = 0},
                      ends);
    };
    const Tokens32 whole = text({});
    const auto first = std::find(whole.begin(), whole.end(), whole[3]) - whole.begin();
    EXPECT_EQ(text({whole[3]}), Tokens32(whole.begin(), whole.begin() + first));
  });
}

// Shares of words drawn, against softmax.
TEST(Pick, WordsAreDrawnByTheirLikelihoods) {
  const std::vector<double> logits = {std::log(1.0), std::log(4.0), std::log(3.0), std::log(2.0)};
  const auto shares = [&](const Sampling& sampling) {
    std::vector<int> drawn(4, 0);
    for (int i = 0; i < 1000; ++i) {
      ++drawn[pick(std::span<const double>(logits), sampling, (i + 0.5) / 1000)];
    }
    return drawn;
  };
  EXPECT_EQ(shares({.temperature = 1, .top_k = 0}), (std::vector{100, 400, 300, 200}));
  EXPECT_EQ(shares({.temperature = 0.5, .top_k = 2}), (std::vector{0, 640, 360, 0}));
  EXPECT_EQ(shares({.temperature = 0}), (std::vector{0, 1000, 0, 0}));
}

TEST(Pick, OfEqualWordsTheFirstIsTheLikeliest) {
  const std::vector<float> logits = {1, 2, 2, 1};
  EXPECT_EQ(pick(std::span<const float>(logits), {.temperature = 0}, 0.9), 1);
}

}  // namespace
}  // namespace tutti::train
