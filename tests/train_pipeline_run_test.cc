// Tests examples/train/pipeline_run.cc and lane.cc, with stages of which one can tell by the
// numbers that everything arrived where it should.
//
// ROOMS: train

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "train/pipeline_run.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

constexpr long kHidden = 1000;

// What a stage kept of a micro-batch.
struct NotesStash final : Stash {
  int micro_batch = -1;
  double kept = 0;
  bool has_backward = false;
};

// Multiplies by a number of its own: the loss is the product over stages times the micro-batch's
// token, and the gradient of its number the loss over that number.
class ScalingStage final : public Stage<double> {
 public:
  ScalingStage(int stage, int stages) : factor_(2 + stage), stage_(stage), stages_(stages) {}

  std::unique_ptr<Stash> make_stash() override {
    ++stashes_;
    return std::make_unique<NotesStash>();
  }
  std::size_t hidden_size() const override { return kHidden; }

  double forward(Stash& any, const MicroBatch& batch, const double* in, double* out,
                 double scale) override {
    auto& stash = static_cast<NotesStash&>(any);
    EXPECT_EQ(in == nullptr, stage_ == 0);
    EXPECT_EQ(out == nullptr, stage_ == stages_ - 1);
    stash.micro_batch = batch.tokens[0];
    stash.kept = in == nullptr ? batch.tokens[0] : in[0];
    stash.has_backward = false;
    scale_ = scale;
    pause(batch);
    if (in != nullptr) {
      EXPECT_EQ(in[kHidden - 1], in[0] + kHidden - 1);
    }
    if (out == nullptr) return factor_ * stash.kept;
    for (long i = 0; i < kHidden; ++i) out[i] = factor_ * stash.kept + static_cast<double>(i);
    return 0;
  }

  void backward(Stash& any, const MicroBatch& batch, const double* d_out, double* d_in,
                bool later) override {
    auto& stash = static_cast<NotesStash&>(any);
    EXPECT_EQ(stash.micro_batch, batch.tokens[0]);
    pause(batch);
    const double d = d_out == nullptr ? scale_ : d_out[0];
    if (d_out != nullptr) {
      EXPECT_EQ(d_out[kHidden - 1], d_out[0] + kHidden - 1);
    }
    for (long i = 0; d_in != nullptr && i < kHidden; ++i) {
      d_in[i] = d * factor_ + static_cast<double>(i);
    }
    stash.kept *= d;
    stash.has_backward = true;
    if (!later) backward_weights(stash, batch);
  }

  void backward_weights(Stash& any, const MicroBatch& batch) override {
    auto& stash = static_cast<NotesStash&>(any);
    EXPECT_EQ(stash.micro_batch, batch.tokens[0]);
    EXPECT_TRUE(stash.has_backward);
    gradient_ += stash.kept;
  }

  double gradient() const { return gradient_; }
  double factor() const { return factor_; }
  int stashes() const { return stashes_; }

 private:
  // Some ranks are late at some times.
  void pause(const MicroBatch& batch) const {
    if ((batch.tokens[0] + stage_) % 3 != 0) return;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

  const double factor_;
  const int stage_;
  const int stages_;
  double scale_ = 0;
  double gradient_ = 0;
  int stashes_ = 0;
};

std::vector<MicroBatch> batches_of(int count) {
  std::vector<MicroBatch> batches;
  for (int m = 0; m < count; ++m) batches.push_back({{m + 1}, {}});
  return batches;
}

// A rank's stages, and what runs them.
struct Rank {
  Rank(Groups& groups, const PipelineSchedule& schedule) {
    std::vector<Stage<double>*> pointers;
    for (int chunk = 0; chunk < schedule.chunks; ++chunk) {
      stages.push_back(std::make_unique<ScalingStage>(schedule.stage(groups.pipeline.rank(), chunk),
                                                      schedule.stages()));
      pointers.push_back(stages.back().get());
    }
    pipeline = std::make_unique<Pipeline<double>>(groups.pipeline, schedule, pointers);
  }

  std::vector<std::unique_ptr<ScalingStage>> stages;
  std::unique_ptr<Pipeline<double>> pipeline;
};

double product(int stages) {
  double product = 1;
  for (int stage = 0; stage < stages; ++stage) product *= 2 + stage;
  return product;
}

void expect_right(const PipelineSchedule& schedule) {
  const int count = schedule.micro_batches;
  const double loss = product(schedule.stages()) * count * (count + 1) / 2;
  const std::vector<int> kept = time_of(schedule, {std::vector<double>(schedule.stages(), 1),
                                                   std::vector<double>(schedule.stages(), 1),
                                                   std::vector<double>(schedule.stages(), 1), 0})
                                    .most_in_flight;
  on_mesh(mesh_of(1, schedule.ranks, 1, 1), [&](Groups& groups) {
    Rank rank(groups, schedule);
    const int me = groups.pipeline.rank();
    const double mine = me == schedule.ranks - 1 ? loss : 0;
    for (int step = 1; step <= 2; ++step) {
      EXPECT_EQ(rank.pipeline->train(batches_of(count), 0.5), mine);
      for (const auto& stage : rank.stages) {
        EXPECT_DOUBLE_EQ(stage->gradient() * stage->factor(), step * 0.5 * loss);
      }
    }
    int stashes = 0;
    for (const auto& stage : rank.stages) stashes += stage->stashes();
    EXPECT_LE(stashes, schedule.chunks == 1 ? kept[me] : 2 * kept[me]);

    const int more = count + 1;  // not what the schedule has
    EXPECT_EQ(rank.pipeline->evaluate(batches_of(more)),
              mine / count / (count + 1) * more * (more + 1));
    EXPECT_EQ(rank.pipeline->train(batches_of(count), 0.5), mine);
  });
}

TEST(PipelineRun, EveryScheduleComputesTheSame) {
  for (const PipelineKind kind : {PipelineKind::kGpipe, PipelineKind::kOneForwardOneBackward,
                                  PipelineKind::kInterleaved, PipelineKind::kZeroBubble}) {
    for (const int ranks : {1, 2, 3, 4}) {
      const bool interleaved = kind == PipelineKind::kInterleaved;
      if (interleaved && ranks == 1) continue;
      for (const int micro_batches : {1, 2 * ranks}) {
        if (interleaved && micro_batches == 1) continue;
        SCOPED_TRACE(testing::Message() << name(kind) << " " << ranks << " " << micro_batches);
        expect_right(*make_pipeline(kind, ranks, interleaved ? 3 : 1, micro_batches));
      }
    }
  }
}

// Orders that nobody would choose: the second rank takes micro-batches in another order than the
// first one sends them.
TEST(PipelineRun, AnyOrderThatPassesTheCheckRuns) {
  PipelineSchedule schedule = *make_pipeline(PipelineKind::kGpipe, 2, 1, 4);
  std::reverse(schedule.tasks[1].begin(), schedule.tasks[1].begin() + 4);
  std::swap(schedule.tasks[0][5], schedule.tasks[0][7]);
  ASSERT_EQ(check(schedule), "");
  expect_right(schedule);
}

TEST(PipelineRun, HandingOnIsNoted) {
  const PipelineSchedule schedule = *make_pipeline(PipelineKind::kGpipe, 2, 1, 3);
  on_mesh(mesh_of(1, 2, 1, 1), [&](Groups& groups) {
    Rank rank(groups, schedule);
    rank.pipeline->train(batches_of(3), 1);
    const Traffic traffic = rank.pipeline->take_traffic();
    EXPECT_EQ(traffic.bytes, 3.0 * kHidden * sizeof(double));
    EXPECT_EQ(traffic.calls, 6);
    EXPECT_EQ(rank.pipeline->take_traffic().calls, 0);
  });
}

}  // namespace
}  // namespace tutti::train
