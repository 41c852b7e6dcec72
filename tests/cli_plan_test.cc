// Tests the parts of `tutti plan` (src/cli/plan_*.cc).
//
// ROOMS: cli communicator studio planner
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/plan_inputs.h"
#include "cli/plan_json.h"
#include "cli/plan_measure.h"
#include "cli/plan_options.h"
#include "cli/plan_reasons.h"
#include "cli/plan_report.h"
#include "cli/plan_words.h"

namespace tutti::cli {
namespace {

using nlohmann::json;

Result<PlanLine> parse(const std::string& line) {
  std::istringstream words(line);
  return parse_plan({std::istream_iterator<std::string>(words), {}});
}

PlanOptions options(const std::string& line) {
  const auto parsed = parse(line);
  EXPECT_TRUE(parsed.ok()) << line << ": " << parsed.status().message();
  return parsed.ok() ? parsed->options : PlanOptions{};
}

std::string error(const std::string& line) {
  const auto parsed = parse("--model m --machine x " + line);
  EXPECT_FALSE(parsed.ok()) << line;
  EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument);
  return parsed.status().message();
}

planner::Problem problem(const char* model, int nodes) {
  planner::Problem problem{*planner::model_preset(model), *planner::machine_preset("8xh100"), {}};
  problem.machine.nodes = nodes;
  return problem;
}

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// ---- options

TEST(CliPlanOptions, EveryOptionIsUnderstood) {
  const PlanOptions o = options(
      "--model m --machine x memory=3 peak_bf16=4 --nodes 2 --gpus 3 --batch-tokens 64K --sequence "
      "2K --precision fp32 --optimizer sgd --dp 1 --pp 2 --cp 3 --tp 4 --micro-batch 5 --zero 0 "
      "--recompute full --pipeline interleaved --chunks 6 --rank-by energy --top 7 --measure 2 "
      "--json j --draw "
      "d.svg --draw-time t.svg");
  EXPECT_EQ(o.model + o.machine + o.figures, "mxmemory=3,peak_bf16=4");
  EXPECT_EQ((std::array{o.nodes, o.gpus}), (std::array{2, 3}));
  const planner::Job job{.sequence = 2048,
                         .batch_tokens = 65536,
                         .precision = planner::Precision::kFp32,
                         .optimizer = planner::Optimizer::kSgd};
  EXPECT_EQ(o.job, job);
  const planner::Fixed fixed{.dp = 1,
                             .pp = 2,
                             .cp = 3,
                             .tp = 4,
                             .micro_batch = 5,
                             .zero = 0,
                             .chunks = 6,
                             .recomputation = planner::Recomputation::kFull,
                             .pipeline = PipelineKind::kInterleaved};
  EXPECT_EQ(o.search.fixed, fixed);
  EXPECT_EQ(o.search.goal, planner::Goal::kEnergy);
  EXPECT_EQ((std::array{o.search.keep, o.measure}), (std::array{7, 2}));
  EXPECT_EQ(o.json_file + o.front_file + o.times_file, "jd.svgt.svg");
}

TEST(CliPlanOptions, InferenceHasItsOwn) {
  const PlanOptions o = options(
      "--model m --machine x --inference --prompt 1K --answer 64 --requests 8 --rank-by latency "
      "--precision fp32 --tp 2 --top 3");
  const planner::InferenceJob job{
      .prompt = 1024, .answer = 64, .requests = 8, .precision = planner::Precision::kFp32};
  EXPECT_EQ(o.inference_job, job);
  EXPECT_EQ(o.inference_search.goal, planner::InferenceGoal::kLatency);
  EXPECT_EQ(o.inference_search.fixed.tp, 2);
  EXPECT_EQ(o.inference_search.keep, 3);
}

TEST(CliPlanOptions, DefaultsAreThoseOfTheLibrary) {
  const PlanOptions o = options("--model m --machine x");
  EXPECT_EQ(o.job, planner::Job{});
  EXPECT_EQ(o.search.fixed, planner::Fixed{});
  EXPECT_EQ(o.inference_job, planner::InferenceJob{});
}

TEST(CliPlanOptions, WrongValuesNameTheOptionAndWhatIsExpected) {
  EXPECT_TRUE(says(error("--precision fp8"), "--precision fp8: expected one of bf16, fp32"));
  EXPECT_TRUE(says(error("--pipeline 2f2b"), "gpipe, 1f1b, interleaved, zero_bubble"));
  EXPECT_TRUE(says(error("--zero 4"), "--zero 4: expected a whole number from 0 to 3"));
  EXPECT_TRUE(says(error("--batch-tokens 0"), "--batch-tokens 0: expected a number of tokens"));
  EXPECT_TRUE(says(error("--batch-tokens 5000"), "expected a multiple of --sequence, 4096"));
  EXPECT_TRUE(says(error("--inference --chunks 2"), "expected only without --inference"));
  EXPECT_TRUE(says(error("--inference --measure 1"), "expected only without --inference"));
  EXPECT_TRUE(says(error("--inference --rank-by time"), "throughput, latency, energy, memory"));
  EXPECT_TRUE(says(error("--rank-by latency"), "time, energy, memory"));
}

// ---- inputs

TEST(CliPlanInputs, FiguresAndNodesChangeAPreset) {
  PlanOptions o;
  o.machine = "8xa100";
  o.nodes = 3;
  o.gpus = 4;
  o.figures = "memory=40";
  const auto machine = plan_machine(o);
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->ranks(), 12);
  EXPECT_EQ(machine->memory, 40.0 * (1 << 30));
  EXPECT_EQ(machine->peak_bf16, 312e12);
}

TEST(CliPlanInputs, RanksOnProcessorsShareThem) {
  PlanOptions o;
  o.machine = std::string(TUTTI_TESTS) + "/topologies/cpu-2socket.xml";
  const auto whole = plan_machine(o);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  for (const int ranks_of_core : {1, 4}) {
    o.gpus = ranks_of_core * whole->cores;
    const auto shared = plan_machine(o);
    ASSERT_TRUE(shared.ok());
    EXPECT_DOUBLE_EQ(shared->peak_fp32 * ranks_of_core, whole->peak_fp32);
    EXPECT_DOUBLE_EQ(shared->memory_bandwidth * ranks_of_core, whole->memory_bandwidth);
    EXPECT_DOUBLE_EQ(shared->memory * o.gpus, whole->memory * whole->devices);
  }
  // GPUs do not become smaller.
  o.machine = std::string(TUTTI_TESTS) + "/topologies/dgx-h100.xml";
  o.gpus = 16;
  EXPECT_EQ(plan_machine(o)->peak_bf16, 989e12);
}

TEST(CliPlanInputs, FilesThatAreMissingOrWrongAreNamed) {
  EXPECT_TRUE(says(plan_model("/none/config.json").status().message(),
                   "--model /none/config.json: expected a config.json that can be read"));
  const auto folder = std::filesystem::temp_directory_path() / "cli_plan_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << R"({"architectures": ["GPT2LMHeadModel"]})";
  const std::string why = plan_model(folder.string()).status().message();
  EXPECT_TRUE(says(why, "config.json: architectures is [\"GPT2LMHeadModel\"]; expected Llama"))
      << why;
  std::filesystem::remove_all(folder);
}

// ---- words

TEST(CliPlanWords, NumbersAreShort) {
  EXPECT_EQ(plan_seconds(12.34), "12.3 s");
  EXPECT_EQ(plan_seconds(0.04567), "45.7 ms");
  EXPECT_EQ(plan_seconds(7.8e-6), "7.80 us");
  EXPECT_EQ(plan_count(13.02e9), "13.0 G");
  EXPECT_EQ(plan_percent(0.123), "12 %");
  EXPECT_EQ(plan_percent(0.0031), "0.3 %");
}

TEST(CliPlanWords, BarsHaveALetterAPartAndTheLengthOfTheirShare) {
  const std::vector<planner::Part> parts = {{"compute", 6}, {"context", 3}, {"rest", 1}};
  EXPECT_EQ(
      plan_bar(parts, 20),
      "CCCCCCCCCCCCOOOOOORR                      C compute 60 %, O context 30 %, R rest 10 %");
}

TEST(CliPlanWords, EveryFigureIsPrintedWithItsUnit) {
  const planner::MachineShape machine = *planner::machine_preset("8xh100");
  const std::string text = plan_figures(machine);
  for (const planner::Figure& figure : figures(machine)) {
    EXPECT_TRUE(says(text, "  " + figure.name + " ")) << figure.name;
    EXPECT_TRUE(says(text, figure.meaning));
  }
}

// ---- answers

TEST(CliPlan, VariantsOfALayoutAreListedOnce) {
  const auto answer = plan_training(problem("llama3-8b", 8), {.keep = 12});
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->ranking.best.size(), 12u);
  for (const planner::Plan& a : answer->ranking.best) {
    int alike = 0;
    for (const planner::Plan& b : answer->ranking.best) {
      planner::Layout other = b.layout;
      other.order = a.layout.order;
      other.chunks = a.layout.chunks;
      alike += other == a.layout;
    }
    EXPECT_EQ(alike, 1) << to_text(a.layout);
  }
}

TEST(CliPlan, SentencesSayWhatItIsBoundByAndWhatElseThereWas) {
  const auto answer = plan_training(problem("llama3-8b", 4), {});
  ASSERT_TRUE(answer.ok());
  const std::vector<std::string> lines = plan_reasons(*answer);
  ASSERT_EQ(lines.size(), 3 + answer->rivals.size());
  const planner::Plan& winner = answer->ranking.best.front();
  EXPECT_TRUE(lines[0].starts_with(to_text(winner.layout) + " is best by time")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("It is bound by computation")) << lines[1];
  EXPECT_TRUE(says(lines[2], plan_gib(winner.estimate.memory.total()) + " of 79.1 GiB"));
  for (std::size_t i = 0; i < answer->rivals.size(); ++i) {
    EXPECT_TRUE(lines[3 + i].starts_with("With " + answer->rivals[i].change)) << lines[3 + i];
  }
}

TEST(CliPlan, WhatDoesNotFitIsToldTheSmallestChange) {
  const auto answer = plan_training(problem("llama3-70b", 1), {.fixed = {.zero = 0}});
  ASSERT_TRUE(answer.ok());
  ASSERT_TRUE(answer->ranking.best.empty());
  const std::vector<std::string> lines = plan_misfit(*answer);
  EXPECT_TRUE(
      lines[0].starts_with("Nothing fits in 79.1 GiB; the smallest change that would help: "));
  EXPECT_TRUE(says(lines[0], answer->remedies.front().change));
  EXPECT_TRUE(says(plan_text(*answer), lines[1]));
}

TEST(CliPlan, DocumentsHoldWhatTheTextSays) {
  const auto answer = plan_training(problem("llama3-8b", 2), {.keep = 3});
  ASSERT_TRUE(answer.ok());
  const json document = json::parse(plan_json(*answer));
  ASSERT_EQ(document["best"].size(), 3u);
  const planner::Plan& winner = answer->ranking.best.front();
  EXPECT_EQ(document["best"][0]["layout"]["tp"], winner.layout.tp);
  EXPECT_DOUBLE_EQ(document["best"][0]["memory"], winner.estimate.memory.total());
  EXPECT_EQ(document["front"].size(), answer->ranking.pareto.size());
  EXPECT_EQ(document["sentences"].size(), plan_reasons(*answer).size());
  EXPECT_EQ(document["what_if"].size(), 3u);
  const std::string text = plan_text(*answer);
  for (const json& sentence : document["sentences"]) EXPECT_TRUE(says(text, sentence));
}

// ---- measuring; that it runs is tested by cli_command_test.py

TEST(CliPlanMeasure, ConfigurationsAreReadAsTheModelTheyAreOf) {
  for (const char* const name :
       {"llama-tiny", "llama3-1b", "mamba-130m", "mamba2-130m", "nanotron-3b"}) {
    const planner::ModelShape model = *planner::model_preset(name);
    const auto config = config_of(model);
    ASSERT_TRUE(config.ok()) << name;
    auto read = planner::parse_model(*config, "config.json");
    ASSERT_TRUE(read.ok()) << read.status().message();
    read->name = model.name;
    EXPECT_EQ(*read, model) << name;
  }
  EXPECT_FALSE(config_of(*planner::model_preset("mamba2attn-2.7b")).ok());
}

TEST(CliPlanMeasure, ALayoutIsALineOfSettings) {
  using enum planner::Dimension;
  planner::Layout layout{.dp = 2, .tp = 4, .micro_batch = 3, .zero = 2};
  layout.order = {kTensor, kPipeline, kContext, kData};
  const std::vector<std::string> line = training_line({.sequence = 8, .batch_tokens = 96}, layout);
  const auto value = [&](const std::string& option) {
    const auto at = std::find(line.begin(), line.end(), option);
    return at == line.end() ? "" : *(at + 1);
  };
  EXPECT_EQ(value("--mesh"), "dp=2,pp=1,cp=1,tp=4");
  EXPECT_EQ(value("--order"), "tp,pp,cp,dp");
  EXPECT_EQ(value("--batch"), "12");
  EXPECT_EQ(value("--micro-batch"), "3");
  EXPECT_EQ(value("--zero"), "2");
}

// What took twice as long as predicted with a peak is predicted with about half of it.
TEST(CliPlanMeasure, TheFittedPeakPredictsWhatWasMeasured) {
  planner::Problem problem{
      *planner::model_preset("llama-25m"), *planner::machine_preset("cpu"), {}};
  problem.machine.devices = 2;
  problem.job = {.sequence = 256, .batch_tokens = 4096, .precision = planner::Precision::kFp32};
  std::vector<MeasuredPlan> measured;
  for (const planner::Layout& layout :
       {planner::Layout{.dp = 2}, planner::Layout{.cp = 2}, planner::Layout{.tp = 2}}) {
    const auto found = estimate(problem, layout);
    ASSERT_TRUE(found.ok()) << found.status().message();
    measured.push_back({{layout, *found}, found->times.step()});
  }
  EXPECT_NEAR(fitted_peak(problem, measured), problem.machine.peak_fp32,
              1e-6 * problem.machine.peak_fp32);
  for (MeasuredPlan& one : measured) one.seconds *= 2;
  problem.machine.peak_fp32 = fitted_peak(problem, measured);
  const double before = planner::machine_preset("cpu")->peak_fp32;
  EXPECT_NEAR(problem.machine.peak_fp32, before / 2, 0.05 * before);
  EXPECT_NEAR(estimate(problem, measured[1].plan.layout)->times.step(), measured[1].seconds,
              0.05 * measured[1].seconds);
}

TEST(CliPlanMeasure, RefusesWhatCannotBeRunHere) {
  auto answer = plan_training(problem("llama3-1b", 1), {.keep = 1});
  ASSERT_TRUE(answer.ok());
  PlanOptions o;
  o.measure = 1;
  o.machine = "8xh100";
  EXPECT_TRUE(says(measure_plans(o, *answer).message(), "--measure: expected --machine this"));
  o.machine = "this";
  answer->problem.job.optimizer = planner::Optimizer::kSgd;
  EXPECT_TRUE(says(measure_plans(o, *answer).message(), "--optimizer adamw"));
}

TEST(CliPlan, InferenceIsReportedInTheSameForm) {
  planner::InferenceProblem problem{
      *planner::model_preset("llama3-70b"), *planner::machine_preset("8xh100"), {}};
  const auto answer = plan_inference(problem, {.keep = 4});
  ASSERT_TRUE(answer.ok());
  const std::string text = plan_text(*answer);
  EXPECT_TRUE(says(text, "is best by throughput"));
  EXPECT_TRUE(says(text, "What if\n  twice the links"));
  EXPECT_EQ(json::parse(plan_json(*answer))["best"].size(), 4u);
  problem.machine.memory = 1 << 30;
  const auto misfit = plan_inference(problem, {});
  ASSERT_TRUE(misfit.ok());
  EXPECT_TRUE(says(plan_text(*misfit), "Nothing fits in 1.0 GiB; the smallest change"));
  EXPECT_EQ(json::parse(plan_json(*misfit))["remedies"].size(), misfit->remedies.size());
}

}  // namespace
}  // namespace tutti::cli
