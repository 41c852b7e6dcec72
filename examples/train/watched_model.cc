#include "train/watched_model.h"

namespace tutti::train {
namespace {

template <class T>
class WatchedStage final : public Stage<T> {
 public:
  WatchedStage(std::unique_ptr<Stage<T>> stage, StageLayers layers, Timeline& timeline)
      : stage_(std::move(stage)),
        name_(" of layers " + std::to_string(layers.first) + " to " +
              std::to_string(layers.end - 1)),
        timeline_(timeline) {}

  std::unique_ptr<Stash> make_stash() override { return stage_->make_stash(); }
  std::size_t hidden_size() const override { return stage_->hidden_size(); }

  double forward(Stash& stash, const MicroBatch& batch, const T* in, T* out,
                 double scale) override {
    return note("forward", [&] { return stage_->forward(stash, batch, in, out, scale); });
  }
  void backward(Stash& stash, const MicroBatch& batch, const T* d_out, T* d_in,
                bool later) override {
    note("backward", [&] { return stage_->backward(stash, batch, d_out, d_in, later), 0; });
  }
  void backward_weights(Stash& stash, const MicroBatch& batch) override {
    note("weights", [&] { return stage_->backward_weights(stash, batch), 0; });
  }

 private:
  template <class F>
  auto note(const char* what, F f) {
    const Timeline::Clock::time_point begin = Timeline::Clock::now();
    const auto result = f();
    timeline_.add("passes", what + name_, begin, Timeline::Clock::now());
    return result;
  }

  const std::unique_ptr<Stage<T>> stage_;
  const std::string name_;
  Timeline& timeline_;
};

template <class T>
std::unique_ptr<Stage<T>> watch(std::unique_ptr<Stage<T>> stage, StageLayers layers,
                                Timeline& timeline) {
  return std::make_unique<WatchedStage<T>>(std::move(stage), layers, timeline);
}

}  // namespace

std::unique_ptr<Stage<float>> WatchedModel::make_stage(StageLayers layers, Groups& groups,
                                                       Units<float>& units) const {
  return watch(model_.make_stage(layers, groups, units), layers, timeline_);
}
std::unique_ptr<Stage<double>> WatchedModel::make_stage(StageLayers layers, Groups& groups,
                                                        Units<double>& units) const {
  return watch(model_.make_stage(layers, groups, units), layers, timeline_);
}
std::unique_ptr<Stage<OnDevice<float>>> WatchedModel::make_stage(
    StageLayers layers, Groups& groups, Units<OnDevice<float>>& units) const {
  return watch(model_.make_stage(layers, groups, units), layers, timeline_);
}
std::unique_ptr<Stage<OnDevice<Bf16>>> WatchedModel::make_stage(
    StageLayers layers, Groups& groups, Units<OnDevice<Bf16>>& units) const {
  return watch(model_.make_stage(layers, groups, units), layers, timeline_);
}

}  // namespace tutti::train
