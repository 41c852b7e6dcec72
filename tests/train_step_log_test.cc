// Tests examples/train/app/step_log.cc, curve.cc, numbers.h, printable.cc and
// meters.cc.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "scratch_folder.h"
#include "train/app/curve.h"
#include "train/app/gpu_energy.h"
#include "train/app/meters.h"
#include "train/app/numbers.h"
#include "train/app/peak.h"
#include "train/app/printable.h"
#include "train/app/step_log.h"

namespace tutti::train {
namespace {

// 1000 tokens in half a second, of 2 kFLOP each (full attention 3), where 8 MFLOP/s are possible.
const Yardstick kYardstick{{2e3, 3e3}, 8e6, 20, 1000};

StepRecord record_of(long step) {
  StepRecord record;
  record.report.step = step;
  record.report.loss = 5.0 - 0.1 * static_cast<double>(step);
  record.report.gradient_norm = 1.25;
  record.report.rate = 3e-4;
  record.report.tokens = 990;
  record.report.seconds = 0.5;
  record.report.traffic.tensor.bytes = 64;
  record.waited = 0.0125;
  record.hidden = 0.0023;
  record.memory = 212 << 20;
  return record;
}

TEST(StepLog, ALineHasEverythingOfAStep) {
  StepRecord record = record_of(9);
  EXPECT_EQ(to_line(record, kYardstick),
            "step    10/20  loss 4.1000  norm 1.250  rate 3.00e-04  2.00 k tok/s  MFU 50.0/75.0 %  "
            "212 MiB  comm 12.5 ms + 2.3 ms hidden");
  record.joules = 50;
  record.validation_loss = 4.5;
  EXPECT_TRUE(to_line(record, kYardstick).ends_with("  0.05 J/tok  validation 4.5000"));
}

TEST(StepLog, JsonHasTheSameNumbers) {
  StepRecord record = record_of(9);
  record.joules = 50;
  const auto json = nlohmann::json::parse(to_json(record, kYardstick));
  EXPECT_EQ(json.at("step"), 10);
  EXPECT_DOUBLE_EQ(json.at("loss"), record.report.loss);
  EXPECT_DOUBLE_EQ(json.at("mfu_causal"), 0.5);
  EXPECT_DOUBLE_EQ(json.at("mfu_full"), 0.75);
  EXPECT_DOUBLE_EQ(json.at("tokens_per_second"), 2000);
  EXPECT_DOUBLE_EQ(json.at("joules_per_token"), 0.05);
  EXPECT_EQ(json.at("bytes").at("tensor"), 64);
  EXPECT_FALSE(json.contains("validation_loss"));
}

TEST(StepLog, TheTableHasFirstAndLastStepAndADozenAtMost) {
  std::vector<StepRecord> records;
  for (long step = 0; step < 20; ++step) records.push_back(record_of(step));
  records.back().validation_loss = 3.25;
  const std::string table = final_table(records, kYardstick);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 12 + 2);
  EXPECT_NE(table.find("       1     5.0000 "), std::string::npos);
  EXPECT_NE(table.find("      20     3.1000       3.2500 "), std::string::npos);
  EXPECT_NE(table.find("20 steps, 20.0 k tokens: loss 5.0000 -> 3.1000; 2.00 k tokens/s, MFU "
                       "50.0 % (full attention 75.0 %); of the time 2.5 % waiting"),
            std::string::npos)
      << table;
  EXPECT_EQ(final_table({}, kYardstick), "no step was made\n");
}

TEST(Curve, HasBothLinesTheirLastValuesAndNoNumberThatIsNone) {
  const std::string svg = draw_curve("a < b", {{1, 5.5}, {2, NAN}, {3, 2.25}}, {{3, 2.5}});
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find("training: 2.2500 at the end"), std::string::npos);
  EXPECT_NE(svg.find("validation: 2.5000 at the end"), std::string::npos);
  EXPECT_NE(svg.find("loss, nats a token"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Curve, FewPointsAreDrawnToo) {
  EXPECT_NE(draw_curve("", {{1, 5}}, {}).find("circle"), std::string::npos);
  EXPECT_EQ(draw_curve("", {{1, 5}, {2, 5}}, {}).find("nan"), std::string::npos);
  EXPECT_NE(draw_curve("", {}, {}).find("no steps"), std::string::npos);
}

TEST(Numbers, HaveThreeDigitsAndAUnit) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1234), "1.23 k");
  EXPECT_EQ(count_text(999'999), "1.00 M");
  EXPECT_EQ(count_text(3.4567e15), "3.46 P");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(12.5 * 1024 * 1024), "12.5 MiB");
}

TEST(Printable, WhatIsNoCharacterIsReplaced) {
  const std::string good = "a\n\tß€\xF0\x9F\x8E\xBC";
  EXPECT_EQ(printable(good), good);
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(printable("a\x1B[0m"), "a" + bad + "[0m");
  EXPECT_EQ(printable("\xC3"), bad);                      // cut off
  EXPECT_EQ(printable("\xC3y"), bad + "y");               // not continued
  EXPECT_EQ(printable("\xC0\xAF"), bad + bad);            // longer than needed
  EXPECT_EQ(printable("\xC2\x9B"), bad + bad);            // a control character
  EXPECT_EQ(printable("\xED\xA0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), bad + bad + bad + bad);
}

TEST(Meters, APeakIsWhatAProcessorCanDo) {
  const double peak = measure_peak<float>(128, 0.05);
  EXPECT_GT(peak, 1e7);
  EXPECT_LT(peak, 1e13);
}

TEST(Meters, RanksThatAreMoreThanCoresShareThem) {
  const Formation formation{.host_of = {0, 0, 0, 0, 1}, .cores = 2};
  EXPECT_EQ(share_of_rank(formation, 3, formation.cores), 0.5);
  EXPECT_EQ(share_of_rank(formation, 4, formation.cores), 1);
  EXPECT_EQ(share_of_rank({.host_of = {0, 0}}, 1, /*parts=*/0), 1);
}

TEST(Meters, PeaksOfGpusAreThoseOfTheirDataSheets) {
  EXPECT_EQ(published_peak("NVIDIA H100 PCIe"), 756e12);
  EXPECT_EQ(published_peak("NVIDIA H100 80GB HBM3"), 989.5e12);
  EXPECT_FALSE(published_peak("this processor"));
}

TEST(Meters, MemoryIsReadFromTheSystem) {
  EXPECT_GT(resident_bytes(), 1e6);
  const ScratchFolder folder;
  EXPECT_EQ(resident_bytes(folder.file("status", "Name:\tx\nVmRSS:\t  2048 kB\n")), 2048.0 * 1024);
  EXPECT_EQ(resident_bytes(folder / "nothing"), 0);
}

TEST(Meters, EnergyIsThatOfAllPackagesAndWraps) {
  const ScratchFolder folder;
  for (const char* name : {"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"}) {
    std::filesystem::create_directory(folder / name);
    folder.file(std::string(name) + "/max_energy_range_uj", "10000000\n");
    folder.file(std::string(name) + "/energy_uj", "9000000\n");
  }
  EnergyMeter meter(folder.path());
  ASSERT_TRUE(meter.works());
  folder.file("intel-rapl:0/energy_uj", "9500000\n");
  folder.file("intel-rapl:1/energy_uj", "2000000\n");  // went round
  folder.file("intel-rapl:0:0/energy_uj", "9900000\n");
  EXPECT_DOUBLE_EQ(*meter.take_joules(), 0.5 + 3.0);
  EXPECT_DOUBLE_EQ(*meter.take_joules(), 0.0);
  EXPECT_FALSE(EnergyMeter(folder / "nothing").works());
  EXPECT_FALSE(EnergyMeter(folder / "nothing").take_joules());
}

// Two GPUs, of which the second does not count.
unsigned long long millijoules_of_first = 5'000;
NvmlEnergy made_up_nvml() {
  return {[](unsigned* gpus) { return *gpus = 2, 0; },
          [](unsigned index, void** gpu) { return *gpu = reinterpret_cast<void*>(index + 1), 0; },
          [](void* gpu, unsigned long long* now) {
            *now = millijoules_of_first;
            return gpu == reinterpret_cast<void*>(1) ? 0 : 3;
          }};
}

TEST(Meters, EnergyOfGpusIsOfThoseThatCount) {
  GpuEnergyMeter meter(made_up_nvml());
  ASSERT_TRUE(meter.works());
  millijoules_of_first += 2'500;
  EXPECT_DOUBLE_EQ(*meter.take_joules(), 2.5);
  EXPECT_DOUBLE_EQ(*meter.take_joules(), 0);
  EXPECT_FALSE(NvmlEnergy::load("libthere-is-none.so").is_there());
  EXPECT_FALSE(GpuEnergyMeter(NvmlEnergy{}).take_joules());
}

}  // namespace
}  // namespace tutti::train
