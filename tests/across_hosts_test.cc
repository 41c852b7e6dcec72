// Tests src/tuner/across_hosts.cc: what is chosen among ranks on several hosts.
//
// ROOMS: tuner
// TIER: fast

#include "tuner/across_hosts.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "groups.h"

namespace tutti {
namespace {

using enum Collective;
using test::on_hosts_of;

bool has_variable_form(Collective collective) {
  return collective == kAllGather || collective == kReduceScatter || collective == kAllToAll;
}

std::vector<Group> groups() {
  std::vector<Group> all = {Group::on_hosts({0, 1, 0, 1}), on_hosts_of({3, 1, 2})};
  for (const int hosts : {2, 3, 4, 5, 8, 9, 16, 17, 64}) {
    for (const int ranks : {1, 2, 8}) all.push_back(on_hosts_of(std::vector(hosts, ranks)));
  }
  return all;
}

std::vector<Question> questions() {
  std::vector<Question> all;
  for (const Group& group : groups()) {
    for (int c = 0; c < kCollectives; ++c) {
      const auto collective = static_cast<Collective>(c);
      if (collective == kSendRecv && group.ranks != 2) continue;
      for (std::size_t bytes = 0; bytes <= std::size_t{1} << 40; bytes = bytes * 16 + 1) {
        for (int bits = 0; bits < 8; ++bits) {
          const bool variable = (bits & 2) != 0;
          if (variable && !has_variable_form(collective)) continue;
          Question q;
          q.collective = collective;
          q.group = group;
          q.bytes = bytes;
          q.reachable = false;
          q.in_place = (bits & 1) != 0;
          q.variable = variable;
          q.reproducible = (bits & 4) != 0;
          all.push_back(q);
        }
      }
    }
  }
  return all;
}

std::string chosen(const Question& q) {
  const Result<Choice> choice = choose(q);
  return choice.ok() ? std::string(choice->algorithm->name) : choice.status().message();
}

std::string text(const Question& q) {
  return std::string(name(q.collective)) + ", " + test::to_text(q.group) + ", " +
         std::to_string(q.bytes) + " bytes" + (q.in_place ? " in place" : "") +
         (q.variable ? " variable" : "") + (q.reproducible ? " reproducible" : "") + ": " +
         chosen(q);
}

TEST(AcrossHosts, EveryQuestionIsAnsweredWithWhatCanRunIt) {
  for (const Question& q : questions()) {
    const Result<Choice> choice = choose(q);
    ASSERT_TRUE(choice.ok()) << text(q);
    const Algorithm& algorithm = *choice->algorithm;
    ASSERT_EQ(algorithm.collective, q.collective) << text(q);
    ASSERT_TRUE(allows(algorithm, q.group)) << text(q);
    ASSERT_FALSE(algorithm.pull) << text(q);
    ASSERT_TRUE(!q.in_place || algorithm.in_place) << text(q);
    ASSERT_TRUE(!q.variable || algorithm.variable_counts) << text(q);
    ASSERT_TRUE(!q.reproducible || algorithm.rank_order) << text(q);
  }
}

bool is_hierarchical(const Question& q) { return chosen(q).starts_with("hierarchical"); }

TEST(AcrossHosts, HierarchicalOnesRunWhereHostsHaveSeveralRanks) {
  for (const Question& q : questions()) {
    const bool alone = q.group.host_count() == q.group.ranks;
    ASSERT_FALSE(alone && is_hierarchical(q)) << text(q);
    if (alone || q.reproducible || q.variable) continue;
    if (q.collective == kGather || q.collective == kScatter || q.collective == kSendRecv) continue;
    if (q.collective == kAllToAll && q.group.ranks <= 16) continue;
    ASSERT_TRUE(is_hierarchical(q)) << text(q);
  }
}

TEST(AcrossHosts, EveryHierarchicalAlgorithmIsChosenForSomething) {
  std::set<std::string> used, listed;
  for (const Question& q : questions()) {
    if (is_hierarchical(q)) used.insert(std::string(name(q.collective)) + " " + chosen(q));
  }
  for (const Algorithm& algorithm : catalog()) {
    if (!algorithm.name.starts_with("hierarchical")) continue;
    listed.insert(std::string(name(algorithm.collective)) + " " + std::string(algorithm.name));
  }
  EXPECT_EQ(used, listed);
}

TEST(AcrossHosts, AHierarchicalAlgorithmThatIsForcedNeedsHosts) {
  Question q;
  q.collective = kAllReduce;
  q.group = 4;
  q.forced = "hierarchical_ring";
  EXPECT_EQ(choose(q).status().message(),
            "all_reduce algorithm hierarchical_ring does not take 4 ranks on one host");
  q.group = on_hosts_of({2, 2});
  EXPECT_EQ(chosen(q), "hierarchical_ring");
}

}  // namespace
}  // namespace tutti
