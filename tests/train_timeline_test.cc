// Tests examples/train/timeline.cc and watched_model.cc: a step's passes and calls are on the time
// line, in rows whose spans do not overlap, as JSON that other programs read.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <nlohmann/json.hpp>

#include "train/timeline.h"
#include "train/watched_model.h"
#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

using Json = nlohmann::json;

// Two steps of rank 0, the second of which is noted.
Json trace(const MeshCase& c) {
  Timeline timeline;
  const Llama model(llama_of(c));
  const RandomSamples samples(model.vocabulary());
  on_mesh(c.mesh, [&](Groups& groups) {
    Timeline unused;
    Timeline& mine = groups.world.rank() == 0 ? timeline : unused;
    const WatchedModel watched(model, mine);
    groups.watch(&mine);
    Trainer<double> trainer(training_of(c), watched, groups, samples);
    trainer.step();
    mine.set_on(true);
    trainer.step();
  });
  return Json::parse(timeline.to_json());
}

std::map<std::string, std::vector<Json>> rows_of(const Json& trace) {
  std::map<int, std::string> names;
  std::map<std::string, std::vector<Json>> rows;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "M") names[event.at("tid")] = event.at("args").at("name");
    if (event.at("ph") == "X") rows[names.at(event.at("tid"))].push_back(event);
  }
  return rows;
}

long count(const std::vector<Json>& events, const std::string& begin) {
  return std::count_if(events.begin(), events.end(), [&](const Json& event) {
    return event.at("name").get<std::string>().starts_with(begin);
  });
}

TEST(Timeline, HasEveryPassAndEveryCallOfAStep) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 2)};
  auto rows = rows_of(trace(c));
  // Batches of 8 on 2 data-parallel ranks.
  EXPECT_EQ(count(rows["passes"], "forward of layers 0 to 1"), 4);
  EXPECT_EQ(count(rows["passes"], "backward"), 4);
  EXPECT_GT(count(rows["tensor"], "all_gather"), 0);
  EXPECT_GT(count(rows["tensor"], "reduce_scatter"), 0);
  EXPECT_GT(count(rows["data"], "reduce_scatter"), 0);
  EXPECT_EQ(count(rows["all ranks"], "all_reduce, 8 bytes"), 2);  // loss, norm
}

TEST(Timeline, PipelinesShowWhatTheyHandOn) {
  auto rows = rows_of(trace({.mesh = mesh_of(1, 2, 1, 1)}));
  EXPECT_EQ(count(rows["pipeline, forward"], "send_recv"), 8);
  EXPECT_EQ(count(rows["pipeline, backward"], "send_recv"), 8);
}

TEST(Timeline, SpansOfARowDoNotOverlap) {
  for (const auto& [row, events] : rows_of(trace({.mesh = mesh_of(2, 1, 1, 1), .zero = 3}))) {
    double end = 0;
    for (const Json& event : events) {
      EXPECT_GE(event.at("ts").get<double>(), end - 0.002) << row << ": " << event;
      end = event.at("ts").get<double>() + event.at("dur").get<double>();
    }
  }
}

TEST(Timeline, PutsSpansInOrder) {
  Timeline timeline;
  timeline.set_on(true);
  const auto at = [](int ms) {
    return Timeline::Clock::time_point() + std::chrono::milliseconds(ms);
  };
  timeline.add("row", "second", at(14), at(19));
  timeline.add("row", "first", at(10), at(15));
  const auto events = rows_of(Json::parse(timeline.to_json())).at("row");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].at("name"), "first");
  EXPECT_EQ(events[0].at("dur"), 5000);
  EXPECT_EQ(events[1].at("ts"), 5000);
  EXPECT_EQ(events[1].at("dur"), 4000);
}

TEST(Timeline, NotesNothingWhileItIsOff) {
  Timeline timeline;
  const auto now = Timeline::Clock::now();
  timeline.add("row", "before", now, now);
  timeline.set_on(true);
  timeline.add("row", "during", now, now);
  timeline.set_on(false);
  timeline.add("row", "after", now, now);
  const auto rows = rows_of(Json::parse(timeline.to_json()));
  ASSERT_EQ(rows.at("row").size(), 1u);
  EXPECT_EQ(rows.at("row").front().at("name"), "during");
}

}  // namespace
}  // namespace tutti::train
