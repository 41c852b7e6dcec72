// Tests src/studio/import_msccl.cc, import_mscclpp.cc and json_reading.cc: what they say of files
// that are not as they should be.
// ROOMS: studio
// TIER: fast

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "studio/import.h"

namespace tutti {
namespace {

std::string text_of(const std::string& file) {
  const auto folder = std::filesystem::path(TUTTI_TESTS) / "imports";
  std::ifstream stream(folder / file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// The text with the first `what` replaced.
std::string with(const std::string& text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return std::string(text).replace(at, what.size(), by);
}

std::string msccl(const std::string& what, const std::string& by) {
  const auto program = parse_msccl(with(text_of("all_reduce_pairs_4.xml"), what, by), "a.xml");
  EXPECT_FALSE(program.ok()) << what;
  return program.status().message();
}

std::string mscclpp(const std::string& file, const std::string& what, const std::string& by) {
  const auto program = parse_mscclpp(with(text_of(file), what, by), "a.json");
  EXPECT_FALSE(program.ok()) << what;
  return program.status().message();
}

TEST(ImportMsccl, NamesFileLineAndWhatWasExpected) {
  EXPECT_EQ(msccl("</algo>", ""), "a.xml:102: Start-end tags mismatch: expected XML");
  EXPECT_EQ(parse_msccl("<system version='1'/>", "a.xml").status().message(),
            "a.xml:1: <system>: expected <algo>, of MSCCL");
  EXPECT_EQ(msccl("allreduce", "allshuffle"),
            "a.xml:1: coll=\"allshuffle\": expected allreduce, allgather, reducescatter or "
            "alltoall");
  EXPECT_EQ(msccl("ngpus=\"4\"", "ngpus=\"5\""),
            "a.xml:1: ngpus: expected 4, as there are <gpu> elements");
  EXPECT_EQ(msccl("<gpu id=\"2\"", "<gpu id=\"7\""), "a.xml:52: id: expected 2");
  EXPECT_EQ(msccl("s=\"1\" type=\"re\"", "s=\"1\" type=\"reduce\""),
            "a.xml:5: type=\"reduce\": expected one of s, r, rcs, rrc, rrs, rrcs, cpy, re, nop");
  EXPECT_EQ(msccl("srcbuf=\"s\"", "srcbuf=\"q\""), "a.xml:4: srcbuf=\"q\": expected i, o or s");
  EXPECT_EQ(msccl("srcoff=\"0\"", "srcoff=\"3\""),
            "a.xml:4: srcoff=\"3\" cnt=\"1\": expected at most the 3 chunks of s");
  EXPECT_EQ(msccl("depid=\"1\"", "depid=\"9\""),
            "a.xml:4: depid: expected a <tb> of the same gpu, or -1");
  EXPECT_EQ(msccl("deps=\"1\"", "deps=\"2\""),
            "a.xml:4: deps: expected a step with hasdep=\"1\" in <tb> 1 from there on; nothing "
            "tells of that one");
  EXPECT_EQ(msccl("send=\"1\"", "send=\"-1\""), "a.xml:9: sends: expected send= of its <tb>");
  EXPECT_EQ(msccl("send=\"2\" recv=\"2\"", "send=\"1\" recv=\"2\""),
            "a.xml:14: another <tb> of the gpu sends there on channel 0 too");
  EXPECT_EQ(msccl("cnt=\"1\" depid=\"-1\" deps=\"-1\" hasdep=\"0\"/>",
                  "cnt=\"0\" depid=\"-1\" deps=\"-1\" hasdep=\"0\"/>"),
            "a.xml:3: message 0 from gpu 0 to gpu 1 on channel 0 is sent with cnt=\"0\" and "
            "received with cnt=\"1\"");
}

TEST(ImportMsccl, FilesThatWouldNeedAllMemoryAreRefused) {
  EXPECT_EQ(msccl("nchunksperloop=\"4\" ngpus=\"4\"", "nchunksperloop=\"65536\" ngpus=\"1000\""),
            "a.xml:1: nchunksperloop: expected at most 4 million chunks of all GPUs");
}

TEST(ImportMscclpp, NamesFilePlaceAndWhatWasExpected) {
  const std::string gather = "all_gather_4.json";
  EXPECT_EQ(mscclpp(gather, "\"allgather\"", "\"gatherall\""),
            "a.json: collective: \"gatherall\": expected allreduce, allgather, reducescatter or "
            "alltoall");
  EXPECT_EQ(mscclpp(gather, "\"inplace\": true", "\"inplace\": 1"),
            "a.json: inplace: expected true or false");
  EXPECT_EQ(mscclpp(gather, "\"output_chunks\": 4", "\"output_chunks\": 5"),
            "a.json: gpus[0]: expected 1 input_chunks and 4 output_chunks");
  EXPECT_EQ(
      mscclpp(gather, "\"name\": \"put\"", "\"name\": \"pipeline\""),
      "a.json: gpus[0].threadblocks[0].ops[4]: name: \"pipeline\": expected an operation that "
      "schedules have (not pipelines, nor operations on switches)");
  EXPECT_EQ(mscclpp(gather, "\"num_threadblocks\": 2", "\"num_threadblocks\": 3"),
            "a.json: gpus[0].threadblocks[0].ops[3]: num_threadblocks: expected 2, as many as have "
            "barrier 0");
  EXPECT_EQ(mscclpp(gather, "\"buffer_id\": 0", "\"buffer_id\": 3"),
            "a.json: gpus[0].threadblocks[0].ops[4].dst_buff[0].buffer_id: expected a whole number "
            "from 0 to 2");
  EXPECT_EQ(mscclpp(gather, "\"size\": 1", "\"size\": 9"),
            "a.json: gpus[0].threadblocks[0].ops[4].src_buff[0]: expected chunks below 4, as many "
            "as o of gpu 0 has");
  EXPECT_EQ(mscclpp(gather, "\"type\": \"o\"", "\"switch_channel_id\": 0"),
            "a.json: gpus[0].threadblocks[0].ops[4]: works on a switch: expected memory of GPUs");
  EXPECT_EQ(mscclpp("all_reduce_packets_4.json", "\"semaphores\": [", "\"semaphore\": ["),
            "a.json: gpus[0].threadblocks[0].ops[3]: semaphore_ids: expected one of the GPU's "
            "semaphores");
  const std::string broken = mscclpp(gather, "]", ")");
  EXPECT_TRUE(broken.starts_with("a.json: ") && broken.find("line ") != std::string::npos)
      << broken;
}

// Numbers and lines of a file changed at random: a sentence, or a schedule that is proved.
TEST(Imports, AreSafeFromWhateverIsWritten) {
  std::mt19937 random(7);
  for (const char* file : {"all_reduce_pairs_4.xml", "ring_4.xml", "all_gather_4.json",
                           "all_reduce_packets_4.json", "reduce_scatter_4.json"}) {
    const std::string text = text_of(file);
    for (int trial = 0; trial < 300; ++trial) {
      std::string changed = text;
      for (int change = 0; change < 1 + trial % 3; ++change) {
        const std::size_t at = changed.find_first_of("0123456789", random() % changed.size());
        if (at == std::string::npos) continue;
        const char* numbers[] = {"0", "1", "2", "3", "7", "-1", "99999999999", "65536", "x"};
        changed.replace(at, 1, numbers[random() % std::size(numbers)]);
      }
      const bool xml = std::string(file).ends_with("xml");
      const auto program = xml ? parse_msccl(changed, "a") : parse_mscclpp(changed, "a");
      const auto proved = program.ok() ? prove(*program, "a") : Result<Imported>(program.status());
      if (!proved.ok()) {
        EXPECT_TRUE(proved.status().message().starts_with("a:")) << proved.status().message();
      }
    }
  }
}

// Whatever is left out of a file: a sentence, not a crash.
TEST(ImportMscclpp, EveryLineIsNeededOrNot) {
  const std::string text = text_of("all_reduce_packets_4.json");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const std::size_t end = text.find('\n', at);
    std::string without = text;
    without.erase(at, end - at);
    const auto program = parse_mscclpp(without, "a.json");
    if (program.ok()) {
      (void)prove(*program, "a.json");
    } else {
      EXPECT_TRUE(program.status().message().starts_with("a.json: "));
      ++refused;
    }
    if (end == std::string::npos) break;
  }
  EXPECT_GT(refused, 200u);
}

}  // namespace
}  // namespace tutti
