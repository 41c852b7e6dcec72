// Tests src/tuner/choose.cc: every question has an answer that can run it.
//
// ROOMS: tuner
// TIER: fast

#include "tuner/choose.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tutti {
namespace {

std::string text(const Question& q) {
  return std::string(name(q.collective)) + " ranks " + std::to_string(q.group.ranks) + " bytes " +
         std::to_string(q.bytes) + (q.mapped ? " mapped" : "") +
         (q.reachable ? "" : " unreachable") + (q.in_place ? " in place" : "") +
         (q.variable ? " variable" : "") + (q.reproducible ? " reproducible" : "");
}

bool has_variable_form(Collective collective) {
  return collective == Collective::kAllGather || collective == Collective::kReduceScatter;
}

// Questions of every kind. Mapped buffers lie in reachable memory.
std::vector<Question> questions() {
  std::vector<Question> all;
  for (int c = 0; c < kCollectives; ++c) {
    const auto collective = static_cast<Collective>(c);
    for (const int ranks : {1, 2, 3, 4, 5, 8, 9, 16, 17, 64, 4096}) {
      if (collective == Collective::kSendRecv && ranks != 2) continue;
      for (std::size_t bytes = 0; bytes <= std::size_t{1} << 40; bytes = bytes * 4 + 1) {
        for (int bits = 0; bits < 32; ++bits) {
          Question q;
          q.collective = collective;
          q.group = ranks;
          q.bytes = bytes;
          q.mapped = (bits & 1) != 0;
          q.reachable = (bits & 2) != 0;
          q.in_place = (bits & 4) != 0;
          q.variable = (bits & 8) != 0;
          q.reproducible = (bits & 16) != 0;
          if (q.mapped && !q.reachable) continue;
          if (q.variable && !has_variable_form(collective)) continue;
          all.push_back(q);
        }
      }
    }
  }
  return all;
}

TEST(Choose, AnswersEveryQuestionWithWhatCanRunIt) {
  for (const Question& q : questions()) {
    const Result<Choice> choice = choose(q);
    ASSERT_TRUE(choice.ok()) << text(q) << ": " << choice.status().message();
    const Algorithm& algorithm = *choice->algorithm;
    const std::string what = text(q) + ": " + std::string(algorithm.name);
    ASSERT_EQ(algorithm.collective, q.collective) << what;
    ASSERT_TRUE(allows(algorithm, q.group)) << what;
    ASSERT_TRUE(!q.in_place || algorithm.in_place) << what;
    ASSERT_TRUE(!q.variable || algorithm.variable_counts) << what;
    ASSERT_TRUE(q.reachable || !algorithm.pull) << what;
    ASSERT_TRUE(!q.reproducible || algorithm.rank_order) << what;
    ASSERT_GE(choice->tile_bytes, 64u) << what;
    ASSERT_GE(choice->lanes, 1) << what;
    ASSERT_LE(choice->lanes, 16) << what;
  }
}

TEST(Choose, IsAFunctionOfTheQuestion) {
  for (const Question& q : questions()) {
    const Result<Choice> a = choose(q), b = choose(q);
    ASSERT_EQ(a->algorithm, b->algorithm);
    ASSERT_EQ(a->tile_bytes, b->tile_bytes);
    ASSERT_EQ(a->lanes, b->lanes);
    ASSERT_EQ(a->stream, b->stream);
  }
}

TEST(Choose, ObeysWhatIsForced) {
  Question q;
  q.collective = Collective::kAllReduce;
  q.group = 6;
  q.bytes = 1 << 20;
  q.forced = "ring";
  q.forced_tile_bytes = 12'345;
  q.forced_lanes = 7;
  const Result<Choice> choice = choose(q);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->algorithm->name, "ring");
  EXPECT_EQ(choice->tile_bytes, 12'345u);
  EXPECT_EQ(choice->lanes, 7);
}

void expect_objection(const Question& q, Code code, const std::string& why) {
  const Status status = choose(q).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
}

TEST(Choose, SaysWhyAForcedAlgorithmDoesNotDo) {
  Question q;
  q.group = 3;
  q.collective = Collective::kSendRecv;
  q.forced = "direct";
  expect_objection(q, Code::kNotSupported, "send_recv algorithm direct does not take 3 ranks");
  q.collective = Collective::kAllReduce;
  q.forced = "ring";
  q.variable = true;
  expect_objection(q, Code::kNotSupported, "ring does not take counts per rank");
  q.variable = false;
  q.reproducible = true;
  expect_objection(q, Code::kNotSupported, "ring does not reduce in rank order");
  q.forced = "two_shot_pull";
  q.reachable = false;
  expect_objection(q, Code::kNotSupported, "two_shot_pull reads memory of peers");
  q.collective = Collective::kAllToAll;
  q.forced = "bruck";
  q.in_place = true;
  expect_objection(q, Code::kNotSupported, "bruck does not work in place");
  q.forced = "no_such";
  expect_objection(q, Code::kInvalidArgument, "there is no all_to_all algorithm no_such");
}

}  // namespace
}  // namespace tutti
