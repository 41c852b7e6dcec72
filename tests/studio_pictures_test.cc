// Tests src/studio/recorder.cc, trace_json.cc, timeline_svg.cc and goal.cc.
// ROOMS: studio
// TIER: fast

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "algorithms/catalog.h"
#include "studio/goal.h"
#include "studio/recorder.h"
#include "studio/timeline_svg.h"
#include "studio/trace_json.h"

namespace tutti {
namespace {

// Two ranks joined by wires of 1 GB/s and 1 us, whose copies take 1 ns a byte.
Machine machine() {
  Machine machine;
  machine.ranks = 2;
  machine.rank_port = 1e9;
  machine.near.latency = 1e-6;
  machine.rank.call = 2e-6;
  machine.rank.read_user = machine.rank.read_scratch = Curve::flat(1e-9);
  return machine;
}

struct Played {
  Production production;
  Machine machine = tutti::machine();

  explicit Played(const char* algorithm, std::size_t blocks = 1) {
    const Schedule schedule =
        find_algorithm(Collective::kAllReduce, algorithm)->make(Group(2), /*root=*/0);
    production = {.algorithm = algorithm,
                  .collective = Collective::kAllReduce,
                  .cast = cast_of(schedule, Symmetry::none(2)),
                  .call = {.piece_bytes = 1000 * blocks,
                           .tile_bytes = 1000,
                           .blocks = blocks,
                           .lanes = 2,
                           .user_bytes = 4000,
                           .room = {1 << 20, 1 << 10}}};
  }

  Recorder record(int ranks = 2, std::size_t most = 1000) const {
    Recorder recorder(production.cast, ranks, most);
    simulate(production.cast, machine, production.call, {.spectator = &recorder});
    return recorder;
  }
};

TEST(Recorder, TellsWhatRanksDoInPlainWords) {
  const Played played("one_shot");
  const Recorder recorder = played.record();
  std::vector<std::string> words;
  for (const Act& act : recorder.acts()) {
    if (act.rank == 0) words.push_back(words_for(played.production.cast, act));
  }
  const std::vector<std::string> expected = {"start of the call", "copy",
                                             "put to rank 1",     "signal rank 1",
                                             "wait for rank 1",   "take the signal of rank 1",
                                             "reduce 2 chunks"};
  EXPECT_EQ(words, expected);
}

TEST(Recorder, ActsOfARankFollowEachOther) {
  const Recorder recorder = Played("ring", 4).record();
  std::vector<double> until(2);
  for (const Act& act : recorder.acts()) {
    EXPECT_EQ(act.begin, until[act.rank]);
    EXPECT_LE(act.begin, act.end);
    until[act.rank] = act.end;
  }
}

TEST(Recorder, MessagesAreThoseOfTheSimulation) {
  const Recorder recorder = Played("one_shot").record();
  ASSERT_EQ(recorder.messages().size(), 2u);
  const SentMessage& message = recorder.messages()[0];
  EXPECT_EQ(message.bytes, 1000);
  EXPECT_NEAR(message.begin, 4e-6, 1e-12);  // the call has started, the data was read twice
  EXPECT_NEAR(message.end, 6e-6, 1e-12);    // 1 us on the wire, and 1 us later
}

TEST(Recorder, WhatIsTooMuchIsLeftOutAndSaidSo) {
  const Played played("ring", 4);
  EXPECT_EQ(played.record().complete_until(), kNever);
  const Recorder few = played.record(2, 10);
  EXPECT_EQ(few.acts().size(), 10u);
  EXPECT_LT(few.complete_until(), kNever);
  const Recorder first = played.record(1);
  for (const Act& act : first.acts()) EXPECT_EQ(act.rank, 0);
}

TEST(TraceJson, HasATrackARankAndArrowsForMessages) {
  const Played played("one_shot");
  const auto trace = nlohmann::json::parse(
      trace_json("all_reduce", played.machine, played.production.cast, played.record()));
  EXPECT_EQ(trace["otherData"]["call"], "all_reduce");
  int slices = 0, starts = 0, ends = 0;
  for (const auto& event : trace["traceEvents"]) {
    slices += event["ph"] == "X";
    starts += event["ph"] == "s";
    ends += event["ph"] == "f";
    if (event["name"] != "put to rank 1") continue;
    EXPECT_EQ(event["tid"], 0);
    EXPECT_NEAR(event["ts"], 3, 1e-9);  // microseconds
    EXPECT_NEAR(event["dur"], 1, 1e-9);
    EXPECT_EQ(event["args"]["block"], 0);
  }
  EXPECT_EQ(slices, 14);
  EXPECT_EQ(starts, 2);
  EXPECT_EQ(ends, 2);
}

TEST(TraceJson, SaysWhatIsMissing) {
  const Played played("ring", 4);
  const auto trace = nlohmann::json::parse(
      trace_json("x", played.machine, played.production.cast, played.record(1, 10)));
  EXPECT_EQ(trace["otherData"]["ranks shown"], "1 of 2");
  EXPECT_TRUE(trace["otherData"].contains("complete until (us)"));
}

struct Box {
  double x, y, width, height;
};

// Rectangles of what ranks do: those with a tooltip.
std::vector<Box> boxes_of(const std::string& svg) {
  static const std::regex kBox(
      R"re(<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"[^>]*><title>)re");
  std::vector<Box> boxes;
  for (std::sregex_iterator at(svg.begin(), svg.end(), kBox), end; at != end; ++at) {
    boxes.push_back(
        {std::stod((*at)[1]), std::stod((*at)[2]), std::stod((*at)[3]), std::stod((*at)[4])});
  }
  return boxes;
}

TEST(TimelineSvg, BoxesOfARowDoNotOverlap) {
  const Played played("ring", 4);
  const std::string svg = timeline_svg({"title", "machine", "note"}, played.machine,
                                       played.production.cast, played.record());
  const std::vector<Box> boxes = boxes_of(svg);
  EXPECT_GT(boxes.size(), 20u);
  for (const Box& a : boxes) {
    for (const Box& b : boxes) {
      const bool is_mark = a.width < 0.7 || b.width < 0.7;  // of what takes no time
      if (&a == &b || a.y != b.y || a.x > b.x || is_mark) continue;
      EXPECT_LE(a.x + a.width, b.x + 0.011) << "at " << a.x << " and " << b.x;
    }
  }
}

TEST(TimelineSvg, SaysWhatItShows) {
  const Played played("ring", 4);
  const std::string svg = timeline_svg({"all <reduce>", "two ranks", "A note."}, played.machine,
                                       played.production.cast, played.record(1, 10));
  for (const char* text :
       {"all &lt;reduce&gt;", "two ranks", "A note.", "rank 0", "time since the call (µs)",
        "Ranks 0 to 0 of 2 are shown. The picture ends at ", "reduce 2 chunks"}) {
    EXPECT_NE(svg.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(svg.find(">rank 1<"), std::string::npos);
}

TEST(Goal, OneBlockOfTwoRanks) {
  const Played played("one_shot", 2);
  const Result<std::string> goal = to_goal(played.production, played.machine, /*blocks=*/1);
  ASSERT_TRUE(goal.ok());
  EXPECT_EQ(*goal,
            "num_ranks 2\n"
            "\n"
            "rank 0 {\n"
            "l1: calc 1000\n"
            "l2: calc 1000\n"
            "l2 requires l1\n"
            "l3: send 1000b to 1 tag 0\n"
            "l3 requires l2\n"
            "l4: recv 1000b from 1 tag 0\n"
            "l4 requires l3\n"
            "l5: calc 2000\n"
            "l5 requires l4\n"
            "}\n"
            "\n"
            "rank 1 {\n"
            "l1: calc 1000\n"
            "l2: calc 1000\n"
            "l2 requires l1\n"
            "l3: send 1000b to 0 tag 0\n"
            "l3 requires l2\n"
            "l4: recv 1000b from 0 tag 0\n"
            "l4 requires l3\n"
            "l5: calc 2000\n"
            "l5 requires l4\n"
            "}\n"
            "\n");
}

// Sends and receives of all blocks have partners of the same size, and every need is known.
TEST(Goal, EveryReceiveHasItsSend) {
  const Played played("ring", 5);
  const Result<std::string> goal = to_goal(played.production, played.machine, /*blocks=*/5);
  ASSERT_TRUE(goal.ok());
  static const std::regex kMessage(R"((send|recv) (\d+)b (?:to|from) (\d+) tag (\d+))");
  std::map<std::tuple<int, std::string, std::string>, int> balance;  // receiver, tag, bytes
  int rank = -1, messages = 0;
  std::istringstream lines(*goal);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("rank ")) rank = std::stoi(line.substr(5));
    if (!std::regex_search(line, match, kMessage)) continue;
    ++messages;
    const bool sends = match[1] == "send";
    balance[{sends ? std::stoi(match[3]) : rank, match[4], match[2]}] += sends ? 1 : -1;
  }
  EXPECT_EQ(messages, 2 * 2 * 2 * 5);
  for (const auto& [message, count] : balance) EXPECT_EQ(count, 0);
}

TEST(Goal, HasNoWordForReadingPeers) {
  const Played played("one_shot_pull");
  EXPECT_EQ(to_goal(played.production, played.machine, 1).status().message(),
            "one_shot_pull reads memory of peers, for which GOAL has no word");
}

}  // namespace
}  // namespace tutti
