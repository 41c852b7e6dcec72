// Tests examples/train/mesh.cc and group.cc.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <set>

#include "train/mesh.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

TEST(Mesh, ReadsSizesInAnyOrder) {
  EXPECT_EQ(*parse_mesh("dp=2,pp=3,cp=4,tp=5", 120), mesh_of(2, 3, 4, 5));
  EXPECT_EQ(*parse_mesh("tp=2,dp=3", 6), mesh_of(3, 1, 1, 2));
  EXPECT_EQ(*parse_mesh("", 1), Mesh());
  EXPECT_EQ(*parse_mesh("dp=*,tp=2", 8), mesh_of(4, 1, 1, 2));
  EXPECT_EQ(*parse_mesh("pp=*", 1), Mesh());
}

std::string refusal(const char* text, int ranks) {
  const auto mesh = parse_mesh(text, ranks);
  return mesh.ok() ? "" : mesh.status().message();
}

TEST(Mesh, RefusesWithWhatWasExpected) {
  EXPECT_EQ(refusal("dp=2", 4),
            "mesh \"dp=2\": 2 ranks, of which there are 4; expected sizes whose product is 4");
  EXPECT_EQ(refusal("dp=*,tp=3", 4),
            "mesh \"dp=*,tp=3\": 3 ranks, of which there are 4; expected sizes whose product is 4");
  EXPECT_EQ(refusal("dp=*,tp=*", 4), "mesh \"dp=*,tp=*\": expected at most one *");
  EXPECT_EQ(refusal("dp=2,dp=2", 4), "mesh \"dp=2,dp=2\": dp is given twice");
  for (const char* text : {"dp=0", "dp=-1", "dp=x", "dp=2x", "dp=", "dp=99999999999"}) {
    EXPECT_EQ(refusal(text, 4),
              "mesh \"" + std::string(text) + "\": " + text + ": expected a positive number or *");
  }
  for (const char* text : {"ep=2", "2", "dp", "dp2", "=2"}) {
    EXPECT_EQ(refusal(text, 4),
              "mesh \"" + std::string(text) + "\": expected sizes such as dp=2,pp=1,cp=1,tp=2");
  }
}

TEST(Mesh, IsItsOwnText) {
  const Mesh mesh = mesh_of(2, 3, 4, 5);
  EXPECT_EQ(to_text(mesh), "dp=2,pp=3,cp=4,tp=5");
  EXPECT_EQ(*parse_mesh(to_text(mesh), 120), mesh);
}

TEST(Mesh, HasTheOrderThatIsAskedFor) {
  const Mesh mesh = *with_order(mesh_of(2, 3, 4, 5), "tp,pp,dp,cp");
  EXPECT_EQ(order_text(mesh), "tp,pp,dp,cp");
  EXPECT_EQ(mesh.place_of(1), (Place{0, 0, 1, 0}));
  EXPECT_EQ(mesh.rank_at({0, 0, 0, 1}), 24);
  EXPECT_EQ(to_text(mesh), to_text(mesh_of(2, 3, 4, 5)));
  for (const char* text : {"", "dp", "dp,pp,cp", "dp,pp,cp,cp", "dp,pp,cp,tp,", "dp,pp,cp,ep"}) {
    EXPECT_EQ(with_order(mesh, text).status().message(),
              "order \"" + std::string(text) + "\": expected dp, pp, cp and tp once each");
  }
}

TEST(Mesh, PlacesAndRanksAreOneToOneInAnyOrder) {
  Mesh mesh = mesh_of(2, 3, 4, 5);
  for (int turn = 0; turn < 4; ++turn) {
    std::set<Place> places;
    for (int rank = 0; rank < mesh.ranks(); ++rank) {
      EXPECT_EQ(mesh.rank_at(mesh.place_of(rank)), rank);
      places.insert(mesh.place_of(rank));
    }
    EXPECT_EQ(places.size(), 120u);
    std::rotate(mesh.order.begin(), mesh.order.begin() + 1, mesh.order.end());
  }
}

TEST(Mesh, TheLastDimensionIsTheInnermost) {
  const Mesh mesh = mesh_of(2, 2, 1, 2);
  EXPECT_EQ(mesh.place_of(1), (Place{0, 0, 0, 1}));
  EXPECT_EQ(mesh.place_of(2), (Place{0, 1, 0, 0}));
  EXPECT_EQ(mesh.place_of(4), (Place{1, 0, 0, 0}));
}

TEST(Mesh, Picture) {
  EXPECT_EQ(draw(mesh_of(2, 2, 1, 2)),
            " dp 0           tp 0   tp 1\n"
            "  pp 0  cp 0      0      1\n"
            "  pp 1  cp 0      2      3\n"
            " dp 1           tp 0   tp 1\n"
            "  pp 0  cp 0      4      5\n"
            "  pp 1  cp 0      6      7\n");
}

// The world's ranks of a group, as its members know them.
std::vector<int> members(Group& group, int me) {
  const std::int32_t mine = me;
  std::vector<std::int32_t> all(static_cast<std::size_t>(group.ranks()));
  group.all_gather(std::span(&mine, 1), std::span(all));
  return {all.begin(), all.end()};
}

TEST(Groups, AreTheRanksThatDifferInTheirDimensions) {
  const Mesh mesh = mesh_of(2, 3, 1, 2);
  on_mesh(mesh, [&](Groups& groups) {
    const int me = groups.world.rank();
    const auto expected = [&](std::initializer_list<Dimension> free) {
      std::vector<int> ranks;
      for (int rank = 0; rank < mesh.ranks(); ++rank) {
        Place place = mesh.place_of(rank);
        for (const Dimension d : free) place[static_cast<int>(d)] = groups.at(d);
        if (place == groups.place) ranks.push_back(rank);
      }
      return ranks;
    };
    using enum Dimension;
    EXPECT_EQ(groups.place, mesh.place_of(me));
    EXPECT_EQ(members(groups.tensor, me), expected({kTensor}));
    EXPECT_EQ(members(groups.context, me), expected({kContext}));
    EXPECT_EQ(members(groups.pipeline, me), expected({kPipeline}));
    EXPECT_EQ(members(groups.data, me), expected({kData}));
    EXPECT_EQ(members(groups.gradients, me), expected({kData, kContext}));
    EXPECT_EQ(members(groups.model, me), expected({kPipeline, kTensor}));
    // Of the three stages, the first and the last.
    std::vector<int> ends = expected({kPipeline});
    ends.erase(ends.begin() + 1);
    if (groups.at(kPipeline) == 1) ends = {me};
    EXPECT_EQ(members(groups.embeddings, me), ends);
  });
}

TEST(Groups, ACallThatFailsEndsInASentence) {
  const auto failures = run_on_mesh(mesh_of(2, 1, 1, 1), [](Groups& groups) {
    std::vector<float> numbers(groups.world.rank() == 0 ? 3 : 4);
    groups.data.all_reduce(std::span(numbers));
  });
  for (const std::string& failure : failures)
    EXPECT_NE(failure.find("all_reduce"), std::string::npos);
}

TEST(Groups, NoteWhatTheyDo) {
  on_mesh(mesh_of(2, 1, 1, 1), [](Groups& groups) {
    (void)groups.data.take_traffic();
    std::vector<float> numbers(100);
    groups.data.all_reduce(std::span(numbers));
    Group::Pending pending = groups.data.start<float>(
        all_reduce(std::span(numbers), std::span(numbers)), numbers.size() * sizeof(float));
    pending.wait();
    EXPECT_TRUE(pending.ended());
    pending.wait();                                // again is nothing
    groups.tensor.all_reduce(std::span(numbers));  // alone
    EXPECT_EQ(groups.tensor.take_traffic().calls, 0);
    const Traffic traffic = groups.data.take_traffic();
    EXPECT_EQ(traffic.bytes, 800);
    EXPECT_EQ(traffic.calls, 2);
    EXPECT_GT(traffic.waited, 0);
    EXPECT_EQ(groups.data.take_traffic().calls, 0);
  });
}

}  // namespace
}  // namespace tutti::train
