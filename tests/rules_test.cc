// Tests src/tuner/rules.cc.
// ROOMS: tuner
// TIER: fast

#include "tuner/rules.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(Rules, TheFirstThatFitsCounts) {
  const Result<Rules> rules = Rules::parse(
      "# of people who know better\n"
      "\n"
      "all_reduce bytes=0..16K ranks=2..8 -> one_shot\n"
      "all_reduce type=double hosts=2..  -> ring tile=256K lanes=4  # not for one host\n"
      "all_reduce -> tree\n"
      "* bytes=1G -> lanes=2\n");
  ASSERT_TRUE(rules.ok()) << rules.status().message();
  const auto find = [&](std::size_t bytes, DataType type, const Group& group) {
    return rules->find(Collective::kAllReduce, type, bytes, group)->algorithm;
  };
  EXPECT_EQ(find(16384, DataType::kFloat32, 8), "one_shot");
  EXPECT_EQ(find(16385, DataType::kFloat32, 8), "tree");
  EXPECT_EQ(find(16384, DataType::kFloat32, 9), "tree");
  EXPECT_EQ(find(1 << 20, DataType::kFloat64, Group::on_hosts({0, 1})), "ring");
  EXPECT_EQ(find(1 << 20, DataType::kFloat64, 2), "tree");
  EXPECT_EQ(rules->find(Collective::kBarrier, DataType::kUint8, 0, 2), nullptr);
  const Rule* last = rules->find(Collective::kBarrier, DataType::kUint8, std::size_t{1} << 30, 2);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->lanes, 2);
}

TEST(Rules, SayWhatIsWrongAndWhere) {
  const auto error = [](const char* text) { return Rules::parse(text).status().message(); };
  EXPECT_EQ(error("\nall_redduce -> ring\n"),
            "rules line 2: \"all_redduce -> ring\": expected a collective or * instead of "
            "all_redduce");
  EXPECT_NE(error("* bytes=x -> ring").find("16K..1M instead of bytes=x"), std::string::npos);
  EXPECT_NE(error("* bytes=2..1 -> ring").find("instead of bytes=2..1"), std::string::npos);
  EXPECT_NE(error("* bytes=99999999999G -> ring").find("instead of"), std::string::npos);
  EXPECT_NE(error("* node=2 -> ring").find("instead of node=2"), std::string::npos);
  EXPECT_NE(error("* type=float31 -> ring").find("a data type"), std::string::npos);
  EXPECT_NE(error("all_reduce bytes=1").find("\"->\" and an algorithm"), std::string::npos);
  EXPECT_NE(error("all_reduce ->").find("behind \"->\""), std::string::npos);
  EXPECT_NE(error("barrier -> ring").find("instead of ring"), std::string::npos);
  EXPECT_NE(error("* -> lanes=17").find("lanes=1 to 16"), std::string::npos);
  EXPECT_NE(error("* -> tile=1").find("tile=64 or more"), std::string::npos);
}

}  // namespace
}  // namespace tutti
