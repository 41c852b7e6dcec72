// Tests examples/train/app/run_config.cc, fields.cc and setup.cc: files, lines, what is refused and
// with which words.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <fstream>

#include "scratch_folder.h"
#include "train/app/setup.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using Line = std::vector<std::string>;

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}
std::string refusal(const Line& line, Command command = Command::kTrain) {
  return failure_of([&] { read_config(line, command); });
}

TEST(RunConfig, TheLineCountsMoreThanTheFileWhereverItStands) {
  const ScratchFolder folder;
  const std::string file =
      folder.file("run.json", R"({"steps": 7, "rate": 0.001, "data": ["a", "b"], "resume": true})");
  const RunConfig config =
      read_config(Line{"--steps", "9", "--config", file, "--mesh=dp=2,tp=2"}, Command::kTrain);
  EXPECT_EQ(config.steps, 9);
  EXPECT_EQ(config.rate, 0.001);
  EXPECT_EQ(config.data, (Line{"a", "b"}));
  EXPECT_TRUE(config.resume);
  EXPECT_EQ(config.mesh, "dp=2,tp=2");
}

TEST(RunConfig, ListsGoOnToTheNextFieldAndFlagsNeedNoValue) {
  const RunConfig config = read_config(
      Line{"--data", "a", "b,c", "--dry-run", "--sequence-parallel", "false", "--draw-mesh"},
      Command::kTrain);
  EXPECT_EQ(config.data, (Line{"a", "b", "c"}));
  EXPECT_TRUE(config.dry_run);
  EXPECT_TRUE(config.draw_mesh);
  EXPECT_FALSE(config.sequence_parallel);
}

// Every field with a value that is not its default.
TEST(RunConfig, WhatIsSavedIsReadBackAsItWas) {
  RunConfig config;
  for (const Field& field : fields()) {
    const bool text = std::holds_alternative<std::string RunConfig::*>(field.member);
    const bool list = std::holds_alternative<std::vector<std::string> RunConfig::*>(field.member);
    const bool flag = std::holds_alternative<bool RunConfig::*>(field.member);
    std::string value = text || list ? "other" : "1";
    if (flag) value = text_of(config, field) == "true" ? "false" : "true";
    if (text_of(config, field) == "1") value = "2";
    if (field.name == "beta1" || field.name == "beta2" || field.name == "validation-share") {
      value = "0.25";
    }
    if (!field.choices.empty()) value = field.choices.substr(field.choices.rfind('|') + 1);
    if (field.name == "zero" || field.name == "weight-decay" || field.name == "clip") value = "0";
    set_field(config, field, value);
    EXPECT_NE(text_of(config, field), text_of(RunConfig{}, field)) << field.name;
  }
  RunConfig read;
  read_json(read, to_json(config, Command::kTrain), "run.json", Command::kTrain);
  EXPECT_EQ(read, config);
}

TEST(RunConfig, UnknownFieldsAreRefusedWithTheNearestKnownOne) {
  EXPECT_EQ(refusal({"--stepz", "9"}),
            "\"stepz\" is no setting of this command; the nearest is \"steps\"");
  EXPECT_EQ(refusal({"--micro_batch", "9"}),
            "\"micro_batch\" is no setting of this command; the nearest is \"micro-batch\"");
  EXPECT_EQ(refusal({"--zero", "1"}, Command::kGenerate),
            "\"zero\" is no setting of this command, but of tutti-train llama and mamba");
  const ScratchFolder folder;
  const std::string file = folder.file("run.json", R"({"learning-rate": 1})");
  EXPECT_EQ(refusal({"--config", file}),
            file +
                ": \"learning-rate\" is no setting of this command; the nearest is "
                "\"rate\"");
}

TEST(RunConfig, WrongValuesAreRefusedWithWhatWasExpected) {
  EXPECT_EQ(refusal({"--steps", "many"}), "steps many: expected a whole number, at least 0");
  EXPECT_EQ(refusal({"--steps", "1.5"}), "steps 1.5: expected a whole number, at least 0");
  EXPECT_EQ(refusal({"--zero", "4"}), "zero 4: expected a whole number from 0 to 3");
  EXPECT_EQ(refusal({"--rate", "nan"}), "rate nan: expected a number from 0 to 10");
  EXPECT_EQ(refusal({"--context", "circle"}), "context circle: expected one of ring|gather");
  EXPECT_EQ(refusal({"--resume", "perhaps"}), "resume perhaps: expected true or false");
  EXPECT_EQ(refusal({"--steps"}), "--steps: expected a value after it");
  EXPECT_EQ(refusal({"steps"}), "\"steps\": expected --NAME VALUE");
  const ScratchFolder folder;
  EXPECT_EQ(refusal({"--config", folder.file("a", R"({"steps": )")}),
            folder / "a" + ": at byte 11: expected JSON");
  EXPECT_EQ(refusal({"--config", folder.file("b", "[]")}),
            folder / "b" + ": expected an object such as {\"steps\": 100}");
  EXPECT_EQ(refusal({"--config", folder.file("c", R"({"steps": [1]})")}),
            folder / "c" + ": " + (folder / "c") + ": steps is [1]; expected a value such as 100");
}

TEST(RunConfig, HelpNamesEveryFieldOfTheCommand) {
  const std::string text = help(Command::kGenerate);
  for (const Field& field : fields()) {
    const bool named = text.find("--" + std::string(field.name) + " ") != std::string::npos;
    EXPECT_EQ(named, is_of(field, Command::kGenerate)) << field.name;
  }
}

std::string objection_to(const Line& line, int ranks) {
  return failure_of([&] { make_setup(read_config(line, Command::kTrain), ranks); });
}

TEST(Setup, SettingsReachModelAndTrainer) {
  const Line line = {"--model",
                     "25m",
                     "--mesh",
                     "pp=2,tp=2",
                     "--order",
                     "tp,dp,pp,cp",
                     "--pipeline",
                     "zero_bubble",
                     "--batch",
                     "8",
                     "--sequence",
                     "128",
                     "--zero",
                     "3",
                     "--context",
                     "gather",
                     "--rate",
                     "0.01",
                     "--schedule",
                     "wsd",
                     "--micro-batch",
                     "2",
                     "--recompute",
                     "selective",
                     "--last-rate-share",
                     "0.5"};
  const auto setup = make_setup(read_config(line, Command::kTrain), 4);
  EXPECT_EQ(to_text(setup.mesh), "dp=1,pp=2,cp=1,tp=2");
  EXPECT_EQ(order_text(setup.mesh), "tp,dp,pp,cp");
  EXPECT_EQ(config_of(setup.model), ModelConfig(llama_preset("25m")));
  const ComputeSettings& compute = computing(setup.model);
  EXPECT_EQ(compute.sequences, 2);
  EXPECT_EQ(compute.sequence, 128);
  EXPECT_EQ(compute.context, ContextKind::kGather);
  EXPECT_EQ(compute.recompute, Recompute::kSelective);
  EXPECT_EQ(setup.training.pipeline, PipelineKind::kZeroBubble);
  EXPECT_EQ(setup.training.data.zero, 3);
  EXPECT_EQ(setup.training.rate.kind, RateSchedule::Kind::kWarmupStableDecay);
  EXPECT_EQ(setup.training.rate.most, 0.01);
  EXPECT_EQ(setup.training.rate.least, 0.005);
}

TEST(Setup, WhatDoesNotFitIsRefusedWithWhatWould) {
  EXPECT_EQ(objection_to({"--mesh", "dp=3"}, 4),
            "mesh \"dp=3\": 3 ranks, of which there are 4; expected sizes whose product is 4");
  EXPECT_EQ(objection_to({"--order", "dp,tp"}, 1),
            "order \"dp,tp\": expected dp, pp, cp and tp once each");
  EXPECT_EQ(objection_to({"--mesh", "tp=3"}, 3), "heads 4: expected a multiple of tp=3");
  EXPECT_EQ(objection_to({"--sequence", "5000"}, 1),
            "sequence 5000: expected at most 4096, the positions of model llama-tiny");
  EXPECT_EQ(objection_to({"--mesh", "cp=2", "--sequence", "30"}, 2),
            "sequence 30: expected a multiple of 2 cp=4");
  EXPECT_EQ(objection_to({"--batch", "3", "--mesh", "dp=2"}, 2),
            "batch 3: expected a multiple of 2, the sequences of a micro-batch times dp");
  EXPECT_EQ(objection_to({"--mesh", "pp=8"}, 8),
            "layers 4: expected at least one for each of 8 stages (pp=8, 1 chunks a rank)");
  EXPECT_EQ(objection_to({"--precision", "fp64", "--device", "gpu"}, 1),
            "precision fp64: not computed on GPUs; expected bf16 or fp32 with device gpu");
  EXPECT_EQ(objection_to({"--resume"}, 1), "resume: expected --checkpoint DIR beside it");
  EXPECT_NE(objection_to({"--model", "9b"}, 1).find("expected one of llama-tiny, 25m"),
            std::string::npos);
}

Setup mamba_setup(const Line& line, int ranks) {
  const RunConfig defaults = defaults_of(ModelFamily::kMamba);
  return make_setup(read_config(line, Command::kTrain, defaults), ranks);
}

TEST(Setup, AMambaHasTheSameSettingsAndNoLimitOfPositions) {
  const auto tiny = mamba_setup({}, 1);
  EXPECT_EQ(config_of(tiny.model), ModelConfig(mamba_preset("mamba2-tiny")));
  const auto setup = mamba_setup(
      {"--model", "hybrid-tiny", "--scan", "heads", "--mesh", "cp=2", "--sequence", "1048576"}, 2);
  EXPECT_EQ(config_of(setup.model), ModelConfig(mamba_preset("hybrid-tiny")));
  EXPECT_EQ(std::get<MambaSettings>(setup.model).scan, ScanKind::kHeads);
  EXPECT_EQ(computing(setup.model).sequence, 1048576);
  EXPECT_EQ(failure_of([] {
              mamba_setup({"--mesh", "tp=3"}, 3);
            }),
            "heads 8: expected a multiple of tp=3");
  EXPECT_EQ(failure_of([] {
              mamba_setup({"--model", "mamba-tiny", "--scan", "heads"}, 1);
            }),
            "scan heads: is of a Mamba-2; expected shards with model mamba-tiny");
  const Line gather = {"--context", "gather"};
  EXPECT_EQ(
      failure_of([&] { mamba_setup(gather, 1); }),
      "context gather: is of attention; expected ring with model mamba2-tiny, which has none");
  EXPECT_EQ(
      computing(mamba_setup({"--model", "hybrid-tiny", "--context", "gather"}, 1).model).context,
      ContextKind::kGather);
}

TEST(Setup, AFolderWithAConfigIsAModelOfItsFamily) {
  const ScratchFolder folder;
  LlamaConfig llama = llama_preset("llama-tiny");
  llama.layers = 7;
  const ModelConfig configs[] = {llama, mamba_preset("mamba-tiny"), mamba_preset("mamba2-tiny"),
                                 mamba_preset("hybrid-tiny")};
  for (const ModelConfig& config : configs) {
    folder.file("config.json", to_json(config, "float32"));
    EXPECT_EQ(read_model(folder.path()), config) << describe(config);
    const auto family = static_cast<ModelFamily>(config.index());
    EXPECT_EQ(read_model(folder.path(), family), config) << describe(config);
  }
}

TEST(Setup, ModelsOfAnotherFamilyAreRefusedWithWhatTheyAre) {
  const auto refusal = [](const std::string& name, ModelFamily family) {
    return failure_of([&] { read_model(name, family); });
  };
  const ScratchFolder folder;
  const std::string file =
      folder.file("config.json", to_json(mamba_preset("mamba2-tiny"), "float32"));
  EXPECT_EQ(refusal(folder.path(), ModelFamily::kLlama),
            file + ": is a Mamba; expected a LLaMA, or tutti-train mamba");
  folder.file("config.json", to_json(llama_preset("llama-tiny"), "float32"));
  EXPECT_EQ(refusal(folder.path(), ModelFamily::kMamba),
            file + ": is a LLaMA; expected a Mamba, or tutti-train llama");
  EXPECT_EQ(refusal("mamba-130m", ModelFamily::kLlama),
            "model mamba-130m: is a Mamba; expected a LLaMA, or tutti-train mamba");
  EXPECT_NE(refusal("9b", ModelFamily::kMamba).find("expected one of mamba-tiny, mamba2-tiny"),
            std::string::npos);
  folder.file("config.json", R"({"model_type": "gpt2"})");
  EXPECT_EQ(failure_of([&] { read_model(folder.path()); }),
            file +
                ": is of no family that is known; expected model_type \"llama\", \"mamba\" or "
                "\"mamba2\", or d_model and the other fields of mamba_ssm");
}

TEST(Setup, RanksThatAMeshNames) {
  EXPECT_EQ(ranks_named("dp=2,pp=2,cp=1,tp=8"), 32);
  EXPECT_EQ(ranks_named("dp=*,tp=2"), 2);
  EXPECT_EQ(ranks_named(""), 1);
}

}  // namespace
}  // namespace tutti::train
