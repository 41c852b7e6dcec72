// Tests src/schedule/draw.cc, draw_svg.cc and timeline.cc.
// ROOMS: schedule
// TIER: fast

#include "schedule/draw.h"

#include <gtest/gtest.h>

#include <vector>

#include "schedule/timeline.h"
#include "small_schedules.h"

namespace tutti {
namespace {

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(DrawText, ShowsAColumnPerRankAndALinePerUnit) {
  EXPECT_EQ(draw_text(credits_by_hand(2)),
            "time  rank 0                        rank 1\n"
            "0     put input[0] -> 1:scratch[0]  .\n"
            "1     .                             wait 0\n"
            "2     .                             copy scratch[0] -> output[0]\n"
            "3     .                             signal 0\n"
            "4     wait 1                        .\n"
            "5     put input[1] -> 1:scratch[0]  .\n"
            "6                                   wait 0\n"
            "7                                   copy scratch[0] -> output[1]\n");
}

TEST(DrawText, ShowsADeadlockAsFarAsItGets) {
  Schedule schedule(Collective::kBarrier, 2, 1, 0);
  schedule.at(0).signal(1);
  schedule.at(0).wait(1);
  schedule.at(1).wait(0);
  EXPECT_EQ(draw_text(schedule),
            "time  rank 0    rank 1\n"
            "0     signal 1  .\n"
            "1     .         wait 0\n");
}

TEST(DrawText, SaysWhatIsMalformed) {
  Schedule schedule(Collective::kBarrier, 2, 1, 0);
  schedule.at(0).signal(7);
  EXPECT_NE(draw_text(schedule).find("peer 7 is not one of 2 ranks"), std::string::npos);
  EXPECT_NE(draw_svg(schedule).find("peer 7 is not one of 2 ranks"), std::string::npos);
}

TEST(Timeline, PutsEveryWaitAfterItsSignal) {
  const Schedule schedule = ring_all_reduce_by_hand(5);
  const Timeline time = timeline(schedule);
  int waits = 0;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    ASSERT_EQ(time.steps[rank].size(), schedule.at(rank).steps.size());
    for (const Timeline::Moment& moment : time.steps[rank]) {
      if (moment.signal_rank == kNone) continue;
      ++waits;
      EXPECT_GT(moment.unit, time.steps[moment.signal_rank][moment.signal_step].unit);
    }
  }
  EXPECT_EQ(waits, 5 * 2 * 4);
}

TEST(DrawSvg, HasABoxPerStepAndAnArrowPerSignal) {
  const std::string svg = draw_svg(ring_all_reduce_by_hand(3));
  EXPECT_EQ(svg.rfind("<svg xmlns=", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_EQ(count(svg, "<g><title>"), 3 * (3 + 2 * 3 + 2 * 2));
  EXPECT_EQ(count(svg, "class=\"arrow\""), 3 * 4);
  EXPECT_EQ(count(svg, "<g>"), count(svg, "</g>"));
}

TEST(DrawSvg, ShortensAReduceOfManySources) {
  const std::string svg = draw_svg(pull_all_reduce_by_hand(9));
  EXPECT_NE(svg.find(">reduce 9 chunks -&gt; output[0]<"), std::string::npos);
}

}  // namespace
}  // namespace tutti
