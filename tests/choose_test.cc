// Tests src/tuner/choose.cc: every question has an answer that can run it.
//
// ROOMS: tuner
// TIER: fast
// SANITIZERS: none

#include "tuner/choose.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tutti {
namespace {

Surroundings surroundings(const Group& group) {
  return {.group = group,
          .model = default_model(),
          .cores = 0,
          .room = {std::size_t{8} << 20, std::max<std::size_t>(1024, 16 * group.ranks)}};
}

std::string text(const Question& q) {
  return std::string(name(q.collective)) + " bytes " + std::to_string(q.bytes) +
         (q.mapped ? " mapped" : "") + (q.reachable ? "" : " unreachable") +
         (q.in_place ? " in place" : "") + (q.variable ? " variable" : "") +
         (q.reproducible ? " reproducible" : "");
}

bool has_variable_form(Collective collective) {
  return collective == Collective::kAllGather || collective == Collective::kReduceScatter;
}

// Questions of every kind. Mapped buffers lie in reachable memory.
std::vector<Question> questions(std::size_t factor) {
  std::vector<Question> all;
  for (int c = 0; c < kCollectives; ++c) {
    for (std::size_t bytes = 0; bytes <= std::size_t{1} << 40; bytes = bytes * factor + 1) {
      for (int bits = 0; bits < 32; ++bits) {
        Question q;
        q.collective = static_cast<Collective>(c);
        q.bytes = bytes;
        q.mapped = (bits & 1) != 0;
        q.reachable = (bits & 2) != 0;
        q.in_place = (bits & 4) != 0;
        q.variable = (bits & 8) != 0;
        q.reproducible = (bits & 16) != 0;
        if (q.mapped && !q.reachable) continue;
        if (q.variable && !has_variable_form(q.collective)) continue;
        all.push_back(q);
      }
    }
  }
  return all;
}

void expect_runnable(const Question& q, const Group& group, const Choice& choice) {
  const Algorithm& algorithm = *choice.way.algorithm;
  const std::string what = text(q) + ": " + std::string(algorithm.name);
  EXPECT_EQ(algorithm.collective, q.collective) << what;
  EXPECT_TRUE(q.collective == Collective::kSendRecv || allows(algorithm, group)) << what;
  EXPECT_TRUE(!q.in_place || algorithm.in_place) << what;
  EXPECT_TRUE(!q.variable || algorithm.variable_counts) << what;
  EXPECT_TRUE(q.reachable || !algorithm.pull) << what;
  EXPECT_TRUE(!q.reproducible || algorithm.rank_order) << what;
  EXPECT_GE(choice.way.tile_bytes, 64u) << what;
  EXPECT_GE(choice.way.lanes, 1) << what;
  EXPECT_LE(choice.way.lanes, 16) << what;
}

TEST(Choose, AnswersEveryQuestionWithWhatCanRunIt) {
  for (const Group& group :
       {Group(1), Group(2), Group(3), Group(8), Group(17), Group(64), Group(256),
        Group::on_hosts({0, 1}), Group::on_hosts({0, 0, 1, 1}), Group::on_hosts({0, 1, 1, 0, 2}),
        Group::on_hosts(regular_hosts(16, 4))}) {
    SCOPED_TRACE(group.ranks);
    Chooser chooser(surroundings(group), {});
    for (const Question& q : questions(group.ranks > 8 ? 4000 : 40)) {
      const Result<Choice> choice = chooser.choose(q);
      ASSERT_TRUE(choice.ok()) << text(q) << ": " << choice.status().message();
      expect_runnable(q, group, *choice);
      EXPECT_EQ(choice->reason, "model");
    }
  }
}

// Ranks that were asked other things before, in another order, answer alike.
TEST(Choose, IsAFunctionOfTheQuestion) {
  const Group group = Group::on_hosts({0, 0, 1});
  Chooser one(surroundings(group), {}), other(surroundings(group), {});
  std::vector<Question> all = questions(1000);
  std::vector<Way> ways;
  for (const Question& q : all) ways.push_back(one.choose(q)->way);
  for (std::size_t i = all.size(); i-- > 0;) EXPECT_EQ(other.choose(all[i])->way, ways[i]);
}

TEST(Choose, TakesTheFastestCandidate) {
  Chooser chooser(surroundings(4), {});
  Question q{.collective = Collective::kAllReduce, .bytes = 1 << 20};
  const std::vector<Candidate> all = chooser.candidates(q);
  EXPECT_EQ(all.front().way.algorithm, chooser.choose(q)->way.algorithm);
  for (std::size_t i = 1; i < all.size() && all[i].objection.empty(); ++i) {
    EXPECT_LE(all[i - 1].seconds, all[i].seconds);
  }
}

// Where signals take long, the algorithm with the fewest in a row; where bytes do, with the fewest.
TEST(Choose, FollowsTheModel) {
  Surroundings slow_signals = surroundings(16);
  slow_signals.model.near_latency = 1e-3;
  Surroundings slow_bytes = surroundings(16);
  slow_bytes.model.rank.write_peer = Curve::flat(1e-6);
  const Question q{.collective = Collective::kAllReduce, .bytes = 64 << 10};
  EXPECT_EQ(Chooser(slow_signals, {}).choose(q)->way.algorithm->name, "one_shot");
  EXPECT_NE(Chooser(slow_bytes, {}).choose(q)->way.algorithm->name, "one_shot");
}

TEST(Choose, ObeysWhatIsForced) {
  Question q{.collective = Collective::kAllReduce, .bytes = 1 << 20};
  q.forced = "ring";
  q.forced_tile_bytes = 12'345;
  q.forced_lanes = 7;
  const Result<Choice> choice = Chooser(surroundings(6), {}).choose(q);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->way.algorithm->name, "ring");
  EXPECT_EQ(choice->way.tile_bytes, 12'345u);
  EXPECT_EQ(choice->way.lanes, 7);
  EXPECT_EQ(choice->reason, "option");
}

TEST(Choose, ObeysRulesBeforeTheModelAndOptionsBeforeRules) {
  Rules rules = *Rules::parse("all_reduce bytes=1M.. -> tree tile=4K lanes=2\n* -> lanes=5\n");
  Chooser chooser(surroundings(6), rules);
  Question q{.collective = Collective::kAllReduce, .bytes = 1 << 20};
  EXPECT_EQ(chooser.choose(q)->way.algorithm->name, "tree");
  EXPECT_EQ(chooser.choose(q)->way.tile_bytes, 4096u);
  EXPECT_EQ(chooser.choose(q)->way.lanes, 2);
  EXPECT_EQ(chooser.choose(q)->reason, "rule");
  q.forced = "ring";
  EXPECT_EQ(chooser.choose(q)->way.algorithm->name, "ring");
  q = {.collective = Collective::kAllReduce, .bytes = 1000};
  EXPECT_EQ(chooser.choose(q)->way.lanes, 5);
  EXPECT_EQ(chooser.choose(q)->reason, "model");
}

void expect_objection(const Question& q, const Group& group, Code code, const std::string& why) {
  const Status status = Chooser(surroundings(group), {}).choose(q).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
}

TEST(Choose, SaysWhyAForcedAlgorithmDoesNotDo) {
  Question q{.collective = Collective::kAllReduce, .bytes = 100};
  q.forced = "hierarchical_ring";
  expect_objection(q, 3, Code::kNotSupported,
                   "all_reduce algorithm hierarchical_ring does not take 3 ranks on one host");
  q.forced = "one_shot_pull";
  q.reachable = false;
  expect_objection(q, Group::on_hosts({0, 1}), Code::kNotSupported, "which are on other hosts");
  q = {.collective = Collective::kAllReduce, .reproducible = true, .forced = "ring"};
  expect_objection(q, 3, Code::kNotSupported, "does not reduce in rank order (reproducible)");
  q = {.collective = Collective::kAllToAll, .in_place = true, .forced = "pairwise"};
  expect_objection(q, 3, Code::kNotSupported, "does not work in place");
  q = {.collective = Collective::kAllGather, .variable = true, .forced = "nonsense"};
  expect_objection(q, 3, Code::kInvalidArgument, "there is no all_gather algorithm nonsense");
}

}  // namespace
}  // namespace tutti
