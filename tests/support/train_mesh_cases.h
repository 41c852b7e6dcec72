// Small models, trained for some steps on any mesh: what the tests of equality compare.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "train/llama.h"
#include "train/mamba.h"
#include "train/random.h"
#include "train/trainer.h"
#include "train_ranks.h"

namespace tutti::train {

/// Words at random. Some are not to be learned, in some samples more than in others, so that ranks
/// do not have equally many.
class RandomSamples final : public Samples {
 public:
  explicit RandomSamples(long vocabulary) : vocabulary_(static_cast<std::uint64_t>(vocabulary)) {}

  std::vector<std::int32_t> sample(std::uint64_t number, long sequence) const override {
    const RandomStream words(7, "words");
    const RandomStream gaps(7, "gaps");
    std::vector<std::int32_t> sample;
    for (long i = 0; i <= sequence; ++i) {
      const std::uint64_t n = number * 1000 + static_cast<std::uint64_t>(i);
      const bool ignored = gaps.below(n, 10) < number % 4;
      sample.push_back(ignored ? kIgnored : static_cast<std::int32_t>(words.below(n, vocabulary_)));
    }
    return sample;
  }

 private:
  const std::uint64_t vocabulary_;
};

enum class Family { kLlama, kMamba1, kMamba2, kHybrid };

/// How a run is cut up.
struct MeshCase {
  Mesh mesh;
  PipelineKind pipeline = PipelineKind::kOneForwardOneBackward;
  ContextKind context = ContextKind::kRing;
  int zero = 1;
  bool sequence_parallel = true;
  Recompute recompute = Recompute::kNone;
  bool tied = false;
  Family family = Family::kLlama;

  int chunks() const { return pipeline == PipelineKind::kInterleaved ? 2 : 1; }
  /// At least one a stage, and where that is few, one more, so that stages are uneven.
  int layers() const {
    const int stages = mesh.pp() * chunks();
    return stages < 8 ? stages + 1 : stages;
  }
};

inline constexpr PipelineKind kPipelines[] = {
    PipelineKind::kGpipe, PipelineKind::kOneForwardOneBackward, PipelineKind::kInterleaved,
    PipelineKind::kZeroBubble};

/// The n-th of a row of cases in which settings take turns.
inline MeshCase turn(MeshCase c, int n) {
  c.zero = n % 4;
  c.context = n % 2 == 0 ? ContextKind::kRing : ContextKind::kGather;
  c.sequence_parallel = n % 3 != 0;
  c.recompute = static_cast<Recompute>(n % 3);
  c.tied = n % 2 == 1;
  return c;
}

inline std::string to_text(const MeshCase& c) {
  constexpr const char* kNames[] = {"llama ", "mamba1 ", "mamba2 ", "hybrid "};
  std::string text = kNames[static_cast<int>(c.family)] + to_text(c.mesh);
  text.append(" ").append(name(c.pipeline));
  text.append(c.context == ContextKind::kRing ? " ring" : " gather");
  text.append(" zero ").append(std::to_string(c.zero));
  text.append(c.sequence_parallel ? " sequence" : "");
  text.append(" recompute ").append(std::to_string(static_cast<int>(c.recompute)));
  text.append(c.tied ? " tied" : "");
  return text;
}

// Divisible where eight ranks need it; a vocabulary that leaves padding.
inline LlamaSettings llama_of(const MeshCase& c) {
  LlamaSettings settings;
  settings.config = {.vocabulary = 29,
                     .width = 12,
                     .mlp_width = 16,
                     .layers = c.layers(),
                     .heads = 8,
                     .kv_heads = 8,
                     .head_width = 2,
                     .init_std = 0.3,
                     .tied = c.tied,
                     .rope = {}};
  settings.sequences = 1;
  settings.sequence = 16;
  settings.sequence_parallel = c.sequence_parallel;
  settings.context = c.context;
  settings.recompute = c.recompute;
  return settings;
}

// Two groups, which are cut where there are more tensor-parallel ranks; chunks that do not divide a
// shard; on eight context-parallel ranks, shards hardly longer than the convolution's reach.
inline MambaSettings mamba_of(const MeshCase& c) {
  MambaSettings settings;
  settings.config = {.vocabulary = 29,
                     .width = 8,
                     .layers = c.layers(),
                     .states = 3,
                     .init_std = 0.3,
                     .tied = c.tied,
                     .step_rank = 2,
                     .head_width = 2,
                     .groups = 2,
                     .chunk = 3,
                     .norm_groups = 2};
  if (c.family == Family::kMamba1) settings.config.family = MambaFamily::kMamba1;
  if (c.family == Family::kHybrid) {
    settings.config.attention = {.layers = {}, .heads = 8, .kv_heads = 8, .head_width = 2};
    for (int i = 1; i < c.layers(); i += 2) settings.config.attention.layers.push_back(i);
  }
  settings.sequences = 1;
  settings.sequence = 32;
  settings.sequence_parallel = c.sequence_parallel;
  settings.context = c.context;
  settings.recompute = c.recompute;
  return settings;
}

inline std::unique_ptr<Model> model_of(const MeshCase& c) {
  if (c.family == Family::kLlama) return std::make_unique<Llama>(llama_of(c));
  return std::make_unique<Mamba>(mamba_of(c));
}

inline TrainSettings training_of(const MeshCase& c) {
  TrainSettings settings;
  settings.pipeline = c.pipeline;
  settings.chunks = c.chunks();
  settings.batch = 8;
  settings.data.zero = c.zero;
  settings.data.bucket_bytes = 8 << 10;  // about two layers
  settings.rate = {
      .kind = RateSchedule::Kind::kCosine, .most = 1e-2, .least = 1e-3, .warmup = 2, .steps = 5};
  return settings;
}

/// What a run can be told apart by, step by step, and the loss of samples that it did not see.
struct Course {
  std::vector<double> losses;
  std::vector<double> norms;
  double unseen = 0;

  bool operator==(const Course&) const = default;
};

/// The course of all ranks, which have the same.
template <class T = double>
Course run(const Mesh& mesh, const Model& model, const TrainSettings& settings) {
  const RandomSamples samples(model.vocabulary());
  std::vector<Course> courses(mesh.ranks());
  on_mesh(mesh, [&](Groups& groups) {
    Trainer<T> trainer(settings, model, groups, samples);
    Course& course = courses[groups.world.rank()];
    for (int step = 0; step < 5; ++step) {
      const StepReport report = trainer.step();
      course.losses.push_back(report.loss);
      course.norms.push_back(report.gradient_norm);
    }
    course.unseen = trainer.evaluate(samples, 10'000, 8);
  });
  for (const Course& course : courses) EXPECT_EQ(course, courses.front());
  return courses.front();
}

template <class T = double>
Course run_case(const MeshCase& c) {
  return run<T>(c.mesh, *model_of(c), training_of(c));
}

/// The same model and samples, not cut up at all.
inline Course run_alone(const MeshCase& c) {
  MeshCase alone = c;
  alone.sequence_parallel = true;
  alone.context = ContextKind::kRing;
  alone.recompute = Recompute::kNone;
  alone.zero = 0;
  const std::unique_ptr<Model> model = model_of(alone);  // of as many layers as c has
  alone.mesh = {};
  alone.pipeline = PipelineKind::kGpipe;
  return run({}, *model, training_of(alone));
}

/// Compares with one rank, whose courses are kept.
class OneRank {
 public:
  void expect_same(const MeshCase& c) {
    SCOPED_TRACE(to_text(c));
    const Course& alone = course_of(c);
    const Course course = run_case(c);
    ASSERT_EQ(course.losses.size(), alone.losses.size());
    for (std::size_t i = 0; i < alone.losses.size(); ++i) {
      expect_close(course.losses[i], alone.losses[i], "loss", i);
      expect_close(course.norms[i], alone.norms[i], "norm", i);
    }
    expect_close(course.unseen, alone.unseen, "unseen", 5);
  }

 private:
  static void expect_close(double value, double expected, const char* what, std::size_t step) {
    EXPECT_NEAR(value, expected, 1e-10 * expected) << what << " of step " << step;
  }

  const Course& course_of(const MeshCase& c) {
    const auto [place, is_new] = courses_.try_emplace({c.family, c.layers(), c.tied});
    if (is_new) place->second = run_alone(c);
    return place->second;
  }

  std::map<std::tuple<Family, int, bool>, Course> courses_;
};

/// All sizes of the dimensions whose product is `ranks`.
inline std::vector<Mesh> factorisations(int ranks) {
  std::vector<Mesh> meshes;
  for (int dp = 1; dp <= ranks; ++dp) {
    for (int pp = 1; pp <= ranks; ++pp) {
      for (int cp = 1; cp <= ranks; ++cp) {
        if (ranks % (dp * pp * cp) == 0)
          meshes.push_back(mesh_of(dp, pp, cp, ranks / dp / pp / cp));
      }
    }
  }
  return meshes;
}

}  // namespace tutti::train
