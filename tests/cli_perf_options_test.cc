// Tests src/cli/perf_options.cc and names.cc.
//
// ROOMS: cli base
// TIER: fast

#include <gtest/gtest.h>

#include <sstream>

#include "cli/perf_options.h"

namespace tutti::cli {
namespace {

Result<PerfRequest> parse(const std::string& line) {
  std::istringstream words(line);
  return parse_perf({std::istream_iterator<std::string>(words), {}});
}

PerfOptions options(const std::string& line) {
  const auto request = parse(line);
  EXPECT_TRUE(request.ok()) << line << ": " << request.status().message();
  return request.ok() ? request->options : PerfOptions{};
}

std::string error(const std::string& line) {
  const auto request = parse(line);
  EXPECT_FALSE(request.ok()) << line;
  return request.status().message();
}

TEST(CliPerfOptions, DefaultsAreThoseOfNcclTests) {
  const PerfOptions o = options("");
  EXPECT_EQ(o.collectives, std::vector{Collective::kAllReduce});
  EXPECT_EQ(o.types, std::vector{DataType::kFloat32});
  EXPECT_EQ(o.ops, std::vector{Reduction::kSum});
  EXPECT_EQ(o.sizes.begin, std::size_t{32} << 20);
  EXPECT_EQ(o.sizes.end, std::size_t{32} << 20);
  EXPECT_EQ(o.sizes.step, std::size_t{1} << 20);
  EXPECT_EQ(o.sizes.factor, 0);
  EXPECT_EQ(o.iterations, 20);
  EXPECT_EQ(o.warmup, 1);
  EXPECT_EQ(o.checks, 1);
  EXPECT_TRUE(o.in_place && o.out_of_place);
}

TEST(CliPerfOptions, ShortOptionsOfNcclTests) {
  const PerfOptions o = options(
      "all_gather -b 8 -e 128M -f 2 -n 5 -w 0 -m 4 -N 0 -c 0 -o max -d half -r 1 -z 0 -a 1 -T 2.5 "
      "-J out.json -t 1 -g 1 -G 0 -u 1 -I 1 -R 1");
  EXPECT_EQ(o.collectives, std::vector{Collective::kAllGather});
  EXPECT_EQ(o.sizes.begin, 8u);
  EXPECT_EQ(o.sizes.end, std::size_t{128} << 20);
  EXPECT_EQ(o.sizes.factor, 2);
  EXPECT_EQ(o.iterations, 5);
  EXPECT_EQ(o.warmup, 0);
  EXPECT_EQ(o.aggregate, 4);
  EXPECT_EQ(o.cycles, 0);
  EXPECT_EQ(o.checks, 0);
  EXPECT_EQ(o.ops, std::vector{Reduction::kMax});
  EXPECT_EQ(o.types, std::vector{DataType::kFloat16});
  EXPECT_EQ(o.root, 1);
  EXPECT_FALSE(o.blocking);
  EXPECT_EQ(o.over_ranks, OverRanks::kAverage);
  EXPECT_EQ(o.timeout_s, 2.5);
  EXPECT_EQ(o.json_file, "out.json");
  EXPECT_EQ(o.unalign, 1);
  EXPECT_TRUE(o.min_median_max);
  EXPECT_EQ(o.memory, BufferMemory::kRegister);
}

TEST(CliPerfOptions, LongOptionsOfNcclTests) {
  const PerfOptions o = options(
      "--minbytes 1K --maxbytes 2K --stepbytes 512 --iters 3 --warmup_iters 2 --op prod "
      "--datatype double --check 2 --average 2 --output_file x --run_cycles 2 --agg_iters 2");
  EXPECT_EQ(sizes_of(o.sizes), (std::vector<std::size_t>{1024, 1536, 2048}));
  EXPECT_EQ(o.iterations, 3);
  EXPECT_EQ(o.checks, 2);
  EXPECT_EQ(o.over_ranks, OverRanks::kMin);
  EXPECT_EQ(o.cycles, 2);
}

TEST(CliPerfOptions, AllMeansAll) {
  const PerfOptions o = options("all -o all -d all");
  EXPECT_EQ(o.collectives.size(), static_cast<std::size_t>(kCollectives));
  EXPECT_EQ(o.ops.size(), static_cast<std::size_t>(kReductions));
  EXPECT_EQ(o.types.size(), static_cast<std::size_t>(kDataTypes));
}

TEST(CliPerfOptions, ListsAndOtherSpellingsOfNames) {
  const PerfOptions o = options("alltoall,sendrecv -d float,bfloat16");
  EXPECT_EQ(o.collectives, (std::vector{Collective::kAllToAll, Collective::kSendRecv}));
  EXPECT_EQ(o.types, (std::vector{DataType::kFloat32, DataType::kBfloat16}));
}

TEST(CliPerfOptions, OptionsOfOurOwn) {
  const PerfOptions o = options(
      "--threads 3 --algorithm ring --memory allocate --in-place --no-pin --json --min-max-median "
      "--batch 1");
  EXPECT_EQ(o.threads, 3);
  EXPECT_EQ(o.algorithm, "ring");
  EXPECT_FALSE(o.each_algorithm);
  EXPECT_EQ(o.memory, BufferMemory::kAllocate);
  EXPECT_TRUE(o.in_place);
  EXPECT_FALSE(o.out_of_place);
  EXPECT_FALSE(o.pin);
  EXPECT_TRUE(o.json && o.min_median_max);
  EXPECT_EQ(o.batch, 1);
  EXPECT_TRUE(options("--algorithm all").each_algorithm);
  EXPECT_TRUE(options("--each-algorithm").each_algorithm);
  EXPECT_TRUE(options("--vs mpi").vs_mpi);
}

TEST(CliPerfOptions, UnknownNamesListTheKnownOnes) {
  EXPECT_EQ(error("all_reduced").substr(0, 66),
            "collective all_reduced: expected all, or some of all_reduce, all_g");
  EXPECT_EQ(error("-d foo").substr(0, 54),
            "-d foo: expected all, or some of int8, uint8, int32, u");
  EXPECT_EQ(error("-o sum,foo").substr(0, 50),
            "-o sum,foo: expected all, or some of sum, prod, ma");
  EXPECT_EQ(error("-o sum,").substr(0, 13), "-o sum,: expe");
  EXPECT_EQ(error("--memory cuda"), "--memory cuda: expected plain, allocate or register");
  EXPECT_EQ(error("--vs nccl"), "--vs nccl: expected mpi");
}

TEST(CliPerfOptions, NumbersOutOfRangeAreNamed) {
  EXPECT_EQ(error("-b 2M -e 1M"), "-b 2M: expected at most the largest size, -e 1M");
  EXPECT_EQ(error("-b -5"), "-b -5: expected a size such as 64, 8K, 1.5M or 2G");
  EXPECT_EQ(error("--minbytes -5"), "-b -5: expected a size such as 64, 8K, 1.5M or 2G");
  EXPECT_EQ(error("-e 99999999999999999999999"),
            "-e 99999999999999999999999: expected at most 1125899906842624 bytes");
  EXPECT_EQ(error("-n 99999999999999999999999"),
            "-n 99999999999999999999999: expected a whole number from 1 to 100000000");
  EXPECT_EQ(error("-n 0"), "-n 0: expected a whole number from 1 to 100000000");
  EXPECT_EQ(error("-n -1"), "-n -1: expected a whole number from 1 to 100000000");
  EXPECT_EQ(error("-f 1"), "-f 1: expected a number above 1, at most 1000000");
  EXPECT_EQ(error("-i 0"), "-i 0: expected a size above 0");
  EXPECT_EQ(error("-b 0 -e 1G -i 1"),
            "-b 0 -e 1G: expected at most 10000 sizes; give a larger -i or -f");
  EXPECT_EQ(error("-a 4"), "-a 4: expected a whole number from 0 to 3");
  EXPECT_EQ(error("-z 3"), "-z 3: expected a whole number from 0 to 1");
}

TEST(CliPerfOptions, WhatOnlyGpusHaveIsRefusedWithAReason) {
  EXPECT_EQ(error("-g 2"), "-g 2: expected 1, for a rank has one device (--device cuda)");
  EXPECT_EQ(error("-t 4"),
            "-t 4: expected 1, for ranks are processes (mpirun -n N) or threads (--threads N)");
  EXPECT_EQ(error("--cudagraph 1"),
            "-G 1: expected 0, for there are CUDA graphs only with --device cuda");
}

TEST(CliPerfOptions, DevicesHaveGraphsAndNeverWait) {
  const auto request = parse("--device cuda --cudagraph 1");
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(request->options.on_gpus);
  EXPECT_TRUE(request->options.graph);
  EXPECT_FALSE(parse("--device cpu")->options.on_gpus);
  EXPECT_EQ(error("--device gpu"), "--device gpu: expected cpu or cuda");
  EXPECT_EQ(error("--device cuda -G 2"), "-G 2: expected a whole number from 0 to 1");
  EXPECT_EQ(error("--device cuda -z 0"),
            "-z 0: expected 1 with --device cuda, whose calls never wait");
  EXPECT_EQ(error("--device cuda --vs mpi"), "--vs mpi: expected none with --device cuda");
}

TEST(CliPerfOptions, ContradictionsAreErrors) {
  EXPECT_NE(error("--vs mpi --threads 2").find("expected none with --vs mpi"), std::string::npos);
  EXPECT_NE(error("--each-algorithm --algorithm ring").find("--algorithm ring"), std::string::npos);
}

TEST(CliPerfOptions, MissingValuesAndUnknownOptionsAreErrors) {
  EXPECT_NE(error("-b").find("--minbytes"), std::string::npos);
  EXPECT_NE(error("--nonsense").find("--nonsense"), std::string::npos);
  EXPECT_NE(error("all_reduce broadcast").find("broadcast"), std::string::npos);
}

TEST(CliPerfOptions, HelpShowsOptionsWithDefaults) {
  const auto request = parse("-h");
  ASSERT_TRUE(request.ok());
  for (const char* text : {"--minbytes", "32M", "--each-algorithm", "--vs"}) {
    EXPECT_NE(request->help.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(request->help.find("--cta_policy"), std::string::npos);
}

}  // namespace
}  // namespace tutti::cli
