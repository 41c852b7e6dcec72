// Tests src/planner/draw_front.cc and draw_times.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include <regex>

#include "tutti/planner_advice.h"

namespace tutti::planner {
namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

Problem problem() {
  Problem problem{*model_preset("llama3-8b"), *machine_preset("8xh100"), {}};
  problem.machine.nodes = 4;
  return problem;
}

TEST(PlannerDraw, EveryPlanIsAPointThatSaysWhatItIs) {
  const auto ranking = search(problem(), {});
  const std::string svg = front_to_svg(problem(), *ranking);
  for (const std::vector<Plan>* const plans : {&ranking->pareto, &ranking->best}) {
    for (const Plan& plan : *plans) {
      EXPECT_EQ(count(svg, "<title>" + to_text(plan.layout) + ": "), 1u) << to_text(plan.layout);
    }
  }
  EXPECT_NE(svg.find(">" + label(ranking->best.front().layout) + "</text>"), std::string::npos);
}

// Boxes of text, by their font.
TEST(PlannerDraw, NoLabelLiesOnAnother) {
  const std::string svg = front_to_svg(problem(), *search(problem(), {.keep = 40}));
  const std::regex pattern(R"re(<text x="([\d.]+)" y="([\d.]+)" font-size="11"[^>]*>(\([^<]*))re");
  struct Place {
    double x, y, width;
  };
  std::vector<Place> places;
  for (std::sregex_iterator at(svg.begin(), svg.end(), pattern), end; at != end; ++at) {
    places.push_back({std::stod((*at)[1]), std::stod((*at)[2]), 6.3 * (*at)[3].length()});
  }
  ASSERT_GE(places.size(), 3u);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Place &a = places[i], &b = places[j];
      const bool meet =
          a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + 12 && b.y < a.y + 12;
      EXPECT_FALSE(meet) << a.x << "," << a.y << " " << b.x << "," << b.y;
    }
  }
}

TEST(PlannerDraw, NamesAreEscaped) {
  Problem odd = problem();
  odd.model.name = "<b>&\"";
  const auto ranking = search(odd, {.keep = 2});
  for (const std::string& svg : {front_to_svg(odd, *ranking), times_to_svg(odd, ranking->best)}) {
    EXPECT_EQ(svg.find("<b>"), std::string::npos);
    EXPECT_NE(svg.find("&lt;b&gt;&amp;&quot;"), std::string::npos);
  }
}

TEST(PlannerDraw, ABarAPlan) {
  const auto ranking = search(problem(), {.keep = 4});
  const std::string svg = times_to_svg(problem(), ranking->best);
  EXPECT_EQ(count(svg, "<title>compute: "), 4u);
  for (const Plan& plan : ranking->best) EXPECT_GE(count(svg, label(plan.layout)), 1u);
}

TEST(PlannerDraw, ARankingWithoutPlansIsAnEmptyPicture) {
  const std::string svg = front_to_svg(problem(), {});
  EXPECT_EQ(svg.find("(DP"), svg.rfind("(DP"));
  EXPECT_NE(svg.find("memory of a device"), std::string::npos);
}

}  // namespace
}  // namespace tutti::planner
