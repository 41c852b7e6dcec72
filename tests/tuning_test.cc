// Tests include/tutti/tuning.h, and that ranks agree on what they choose by.
// ROOMS: communicator
// TIER: fast

#include "tutti/tuning.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "communicators.h"
#include "expect_ok.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;
using namespace test;

class Tuning : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "tuning-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  fs::path folder_;
};

// Where signals take long: the fewest in a row win. Where bytes do: the fewest.
constexpr const char* kSlowSignals = "tutti calibration 1\nnear.latency 0.01\n";
constexpr const char* kSlowBytes =
    "tutti calibration 1\nrank.write_peer.cached 1e-06\nrank.write_peer.shared 1e-06\n";

Measurement measured(const CallCandidate& candidate, const AskedCall& call) {
  return {.call = call,
          .algorithm = candidate.algorithm,
          .inlined = candidate.inlined,
          .tile_bytes = candidate.tile_bytes,
          .lanes = candidate.lanes,
          .seconds = candidate.seconds};
}

TEST_F(Tuning, CalibrationsDecide) {
  const AskedCall call{.bytes = 64 << 10, .host_of = {0, 0, 0, 0, 0, 0, 0, 0}};
  const auto slow_signals = candidates(call, {kSlowSignals}, {});
  const auto slow_bytes = candidates(call, {kSlowBytes}, {});
  ASSERT_OK(slow_signals.status());
  ASSERT_OK(slow_bytes.status());
  EXPECT_NE(slow_signals->front().algorithm, slow_bytes->front().algorithm);
}

TEST_F(Tuning, WhatIsPredictedOfAMeasurementIsWhatIsPredictedOfACandidate) {
  const AskedCall call{.bytes = 1 << 20, .host_of = {0, 0, 1, 1}};
  const auto all = candidates(call, {}, {});
  ASSERT_OK(all.status());
  for (const CallCandidate& candidate : *all) {
    if (!candidate.objection.empty()) continue;
    const auto again = predict(measured(candidate, call), {}, {});
    ASSERT_OK(again.status());
    EXPECT_DOUBLE_EQ(*again, candidate.seconds) << candidate.algorithm;
  }
}

TEST_F(Tuning, AFitTellsTheMeasurements) {
  std::vector<Measurement> measurements;
  for (const std::size_t bytes : {8, 4096, 1 << 20}) {
    const AskedCall call{.bytes = bytes, .host_of = {0, 0}};
    const auto all = candidates(call, {kSlowBytes}, {});
    ASSERT_OK(all.status());
    for (const CallCandidate& candidate : *all) {
      if (candidate.objection.empty()) measurements.push_back(measured(candidate, call));
    }
  }
  const auto fit = fit_calibration(measurements, {}, {});
  ASSERT_OK(fit.status());
  ASSERT_EQ(fit->ratios.size(), measurements.size());
  for (const double ratio : fit->ratios) EXPECT_NEAR(ratio, 1, 0.3);
}

TEST_F(Tuning, RefusesWhatCannotHaveBeenMeasured) {
  const AskedCall call{.bytes = 8, .host_of = {0, 0}};
  Measurement good{.call = call, .algorithm = "ring", .tile_bytes = 64, .seconds = 1e-6};
  ASSERT_OK(predict(good, {}, {}).status());
  Measurement bad = good;
  bad.algorithm = "rings";
  EXPECT_NE(predict(bad, {}, {}).status().message().find("\"rings\""), std::string::npos);
  bad = good;
  bad.seconds = 0;
  EXPECT_EQ(fit_calibration({&bad, 1}, {}, {}).status().code(), Code::kInvalidArgument);
  bad = good;
  bad.call.host_of.clear();
  EXPECT_EQ(predict(bad, {}, {}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(predict(good, {"nonsense"}, {}).status().code(), Code::kInvalidArgument);
}

TEST_F(Tuning, CalibrationsAreKeptAndFound) {
  const std::string path = folder_ / "a" / "b" / "calibration";
  ASSERT_OK(save_calibration({kSlowBytes}, path));
  Options options;
  options.calibration = path;
  EXPECT_EQ(load_calibration(options)->text, kSlowBytes);
  options.calibration = "none";
  EXPECT_EQ(load_calibration(options)->text, "");
  options.calibration = folder_ / "missing";
  EXPECT_NE(load_calibration(options).status().message().find("missing: cannot be read"),
            std::string::npos);
  options.calibration = write("wrong", "tutti calibration 1\nnear.latency fast\n");
  EXPECT_NE(load_calibration(options).status().message().find("line 2"), std::string::npos);
  EXPECT_FALSE(save_calibration({kSlowBytes}, "/proc/nowhere/calibration").ok());
  EXPECT_FALSE(machine_fingerprint().empty());
}

// What each rank's own all_reduce of 64 KiB was run by, with options that may differ by rank.
std::vector<std::string> algorithms_by_rank(const std::vector<Options>& options,
                                            std::vector<Status>& statuses) {
  const int ranks = static_cast<int>(options.size());
  auto invitation = make_unique_id({});
  EXPECT_OK(invitation.status());
  std::vector<std::string> algorithms(ranks);
  statuses.assign(ranks, {});
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      auto comm = Communicator::create(invitation->id, rank, ranks, options[rank]);
      statuses[rank] = comm.status();
      if (!comm.ok()) return;
      std::vector<float> data(16 << 10, 1);
      statuses[rank] = comm->all_reduce(data, data);
      algorithms[rank] = comm->explain().algorithm;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return algorithms;
}

TEST_F(Tuning, RanksWithDifferentCalibrationsAgree) {
  const std::string files[] = {write("signals", kSlowSignals), write("bytes", kSlowBytes)};
  std::vector<std::string> chosen;
  for (const int first : {0, 1}) {
    std::vector<Options> options(8);
    for (int rank = 0; rank < 8; ++rank) options[rank].calibration = files[(first + rank) % 2];
    std::vector<Status> statuses;
    const auto algorithms = algorithms_by_rank(options, statuses);
    for (int rank = 0; rank < 8; ++rank) {
      EXPECT_OK(statuses[rank]);
      EXPECT_EQ(algorithms[rank], algorithms[0]);
    }
    chosen.push_back(algorithms[0]);
  }
  EXPECT_NE(chosen[0], chosen[1]) << "rank 0's calibration counts";
}

TEST_F(Tuning, RanksWithDifferentRulesRefuse) {
  std::vector<Options> options(2);
  options[0].rules = write("tree", "all_reduce -> tree\n");
  options[1].rules = write("ring", "all_reduce -> ring\n");
  std::vector<Status> statuses;
  algorithms_by_rank(options, statuses);
  for (const Status& status : statuses) {
    EXPECT_EQ(status.code(), Code::kMismatch);
    EXPECT_NE(status.message().find("rules differ"), std::string::npos) << status.message();
  }
  options[1].rules = options[0].rules;
  EXPECT_EQ(algorithms_by_rank(options, statuses), (std::vector<std::string>{"tree", "tree"}));
  options[1].rules = write("wrong", "all_reduce -> rings\n");
  algorithms_by_rank(options, statuses);
  EXPECT_NE(statuses[0].message().find("rules line 1"), std::string::npos) << statuses[0].message();
}

}  // namespace
}  // namespace tutti
