// Tests src/tuner/model.cc.
// ROOMS: tuner
// TIER: fast

#include "tuner/model.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(Model, IsReadBackAsItWasWritten) {
  Model model = default_model();
  double value = 1.25e-9;
  for (const ModelField& field : fields(model)) *field.value = value *= 1.5;
  const Result<Model> read = parse_model(to_text(model));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(to_text(*read), to_text(model));
}

TEST(Model, NumbersThatAreNotGivenAreThoseOfTheDefault) {
  const Result<Model> read = parse_model("tutti calibration 1\n# by hand\nnear.latency 1e-06\n");
  ASSERT_TRUE(read.ok()) << read.status().message();
  Model expected = default_model();
  expected.near_latency = 1e-6;
  EXPECT_EQ(*read, expected);
}

TEST(Model, SaysWhichLineIsWrong) {
  const auto error = [](const std::string& lines) {
    return parse_model("tutti calibration 1\n" + lines).status().message();
  };
  EXPECT_EQ(error("near.latencies 1\n"),
            "calibration line 2: \"near.latencies 1\": expected the name of a number");
  for (const char* wrong : {"-1", "nan", "inf", "1 2", "1x", ""}) {
    EXPECT_NE(error(std::string("meet ") + wrong + "\n").find("expected a number, not negative"),
              std::string::npos)
        << wrong;
  }
  EXPECT_NE(parse_model("something else").status().message().find("tutti calibration 1"),
            std::string::npos);
  EXPECT_FALSE(parse_model("").ok());
}

}  // namespace
}  // namespace tutti
