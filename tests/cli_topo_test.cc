// Tests the parts of `tutti topo` (src/cli/topo_*.cc, run_program.cc).
//
// ROOMS: cli communicator studio
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/run_program.h"
#include "cli/topo_json.h"
#include "cli/topo_matrix.h"
#include "cli/topo_options.h"
#include "cli/topo_picture.h"
#include "cli/topo_report.h"
#include "model_machines.h"

namespace tutti::cli {
namespace {

using namespace std::chrono_literals;

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

std::string error_of(std::vector<std::string> arguments) {
  const auto request = parse_topo(std::move(arguments));
  EXPECT_FALSE(request.ok());
  if (request.ok()) return "";
  EXPECT_EQ(request.status().code(), Code::kInvalidArgument);
  return request.status().message();
}

TopoOptions options_of(std::vector<std::string> arguments) {
  const auto request = parse_topo(std::move(arguments));
  EXPECT_TRUE(request.ok()) << request.status().message();
  return request.ok() ? request->options : TopoOptions{};
}

// ---- the line

TEST(TopoOptions, TextIsWhatIsShownUnlessSomethingElseIsAskedFor) {
  EXPECT_TRUE(options_of({}).shows_text());
  EXPECT_TRUE(options_of({"--from", "a.xml", "--hosts", "4", "--matrix", "all"}).shows_text());
  EXPECT_FALSE(options_of({"--xml"}).shows_text());
  EXPECT_FALSE(options_of({"--json"}).shows_text());
  EXPECT_FALSE(options_of({"--draw", "a.svg"}).shows_text());
}

TEST(TopoOptions, XmlGoesToAFileOrToStandardOutput) {
  EXPECT_FALSE(options_of({}).writes_xml);
  EXPECT_TRUE(options_of({"--xml"}).writes_xml);
  EXPECT_EQ(options_of({"--xml"}).xml_file, "");
  EXPECT_EQ(options_of({"--xml", "a.xml"}).xml_file, "a.xml");
  EXPECT_EQ(options_of({"--xml", "--from", "b.xml"}).from, "b.xml");
}

TEST(TopoOptions, EndingsSayHowToDraw) {
  EXPECT_EQ(options_of({"--draw", "a.b/c.svg"}).format, PictureFormat::kSvg);
  EXPECT_EQ(options_of({"--draw", "c.png"}).format, PictureFormat::kPng);
  EXPECT_EQ(options_of({"--draw", "c.pdf"}).format, PictureFormat::kPdf);
  EXPECT_EQ(options_of({"--draw", "c.dot"}).format, PictureFormat::kDot);
  EXPECT_EQ(options_of({"--draw", "c.dot", "--draw-what", "trees"}).picture, PictureOf::kTrees);
}

TEST(TopoOptions, ErrorsNameTheValueAndWhatWasExpected) {
  EXPECT_EQ(error_of({"--draw", "a.jpg"}),
            "--draw a.jpg: expected a file that ends in .svg, .png, .pdf or .dot");
  EXPECT_EQ(error_of({"--draw", "svg"}),
            "--draw svg: expected a file that ends in .svg, .png, .pdf or .dot");
  EXPECT_EQ(error_of({"--draw-what", "fun"}), "--draw-what fun: expected machine, rings or trees");
  EXPECT_EQ(error_of({"--matrix", "some"}), "--matrix some: expected summary, all or none");
  EXPECT_TRUE(says(error_of({"--hosts", "0"}), "--hosts 0: expected a whole number from 1 to"));
  EXPECT_TRUE(says(error_of({"--hosts", "many"}), "--hosts many: expected a whole number"));
  EXPECT_TRUE(says(error_of({"--nonsense"}), "--nonsense"));
  EXPECT_TRUE(says(error_of({"--json", "--xml"}), "expected a file beside --json"));
}

// ---- paths

TEST(TopoMatrix, OneRowAndOneColumnForEveryPlace) {
  const Topology topology = model("pcie-8gpu");
  const PathMatrix matrix = path_matrix(topology);
  const std::string table = matrix_table(matrix, topology);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'),
            static_cast<std::ptrdiff_t>(1 + matrix.places.size()));
  EXPECT_TRUE(says(table, "\n  GPU0       X    PIX   PHB   "));
  EXPECT_TRUE(says(table, "rank 7\n"));
  EXPECT_EQ(count_places(topology), matrix.places.size());
}

TEST(TopoMatrix, LegendExplainsTheTypesThatOccurAndNoOthers) {
  const PathMatrix matrix = path_matrix(model("dgx-h100"));
  const std::string legend = matrix_legend(matrix);
  EXPECT_TRUE(says(legend, "  NVL  NVLinks, or an NVSwitch: 371 GB/s\n")) << legend;
  EXPECT_TRUE(says(legend, "  SYS  the link between processors: "));
  EXPECT_FALSE(says(legend, "NVB"));
  EXPECT_FALSE(says(legend, "NET"));
}

TEST(TopoMatrix, OfManyHostsOneIsShownAndWhatIsBetweenThem) {
  const std::string text = paths_text(replicate(model("dgx-h100"), 64), MatrixSize::kSummary);
  EXPECT_TRUE(says(text, "paths on host0, as on 63 more alike\n")) << text;
  EXPECT_TRUE(says(text, "paths between hosts\n  GPUs\n    NET  a network: ")) << text;
  EXPECT_FALSE(says(text, "host1/GPU0"));
}

TEST(TopoMatrix, HostsOfOneFabricAreJoinedByNvLinks) {
  const std::string text = paths_text(model("gb200-nvl72"), MatrixSize::kSummary);
  EXPECT_TRUE(says(text, "paths between hosts\n  GPUs\n    NVL  NVLinks")) << text;
}

TEST(TopoMatrix, AllIsAllAndNoneIsNothing) {
  const Topology two = replicate(model("dgx-h100"), 2);
  EXPECT_TRUE(says(paths_text(two, MatrixSize::kAll), "host1/GPU7"));
  EXPECT_EQ(paths_text(two, MatrixSize::kNone), "");
}

TEST(TopoMatrix, AHostThatIsNotLikeTheOthersIsShownToo) {
  Topology topology = replicate(model("dgx-h100"), 3);
  topology.hosts.push_back(model("pcie-8gpu").hosts.front());
  const std::string text = paths_text(topology, MatrixSize::kSummary);
  EXPECT_TRUE(says(text, "paths on host0, as on 2 more alike\n"));
  EXPECT_TRUE(says(text, "paths on pcie-8gpu\n"));
}

// ---- everything

TEST(TopoReport, SectionsFollowEachOther) {
  const TopologyReport report{model("dgx-1v"), {"<gpu> has no name: ignored"}};
  const std::string text = topo_text(report, MatrixSize::kSummary);
  const std::size_t tree = text.find("dgx-1v\n├─ CPU0");
  const std::size_t paths = text.find("\npaths\n");
  const std::size_t note = text.find("\nnote: <gpu> has no name: ignored\n");
  EXPECT_LT(tree, paths);
  EXPECT_LT(paths, note);
  EXPECT_NE(note, std::string::npos);
}

TEST(TopoJson, SaysWhatTheTopologySays) {
  const TopologyReport report{model("dgx-1v"), {"a note"}};
  const auto document = nlohmann::json::parse(topo_json(report, MatrixSize::kSummary));
  EXPECT_EQ(document["hosts"][0]["cpus"].size(), 2u);
  const auto& gpu = document["hosts"][0]["cpus"][0]["devices"][0]["devices"][1]["gpu"];
  EXPECT_EQ(gpu["sm"], 70);
  EXPECT_EQ(gpu["nvlinks"].size(), 4u);
  EXPECT_EQ(document["paths"]["places"].size(), 14u);
  EXPECT_EQ(document["paths"]["types"][0][1], "NVL");
  EXPECT_EQ(document["paths"]["gb_per_s"][0][1], 20);
  EXPECT_EQ(document["ways"]["members"].size(), 8u);
  EXPECT_EQ(document["notes"][0], "a note");
}

TEST(TopoJson, ManyPathsAreLeftOutUnlessAskedFor) {
  const TopologyReport report{replicate(model("dgx-h100"), 9), {}};
  const auto brief = nlohmann::json::parse(topo_json(report, MatrixSize::kSummary));
  EXPECT_TRUE(brief["paths"].is_null());
  const auto whole = nlohmann::json::parse(topo_json(report, MatrixSize::kAll));
  EXPECT_EQ(whole["paths"]["places"].size(), 162u);
}

// ---- programs and files

TEST(RunProgram, IsAFilter) {
  const std::string much(1 << 20, 'x');  // more than a pipe holds
  const auto output = run_program({"cat"}, much, 10s);
  ASSERT_TRUE(output.ok()) << output.status().message();
  EXPECT_EQ(*output, much);
}

TEST(RunProgram, FailuresSayWhatTheProgramSaid) {
  const auto output = run_program({"sh", "-c", "echo broken >&2; echo more >&2; exit 3"}, "", 10s);
  EXPECT_EQ(output.status().code(), Code::kSystem);
  EXPECT_EQ(output.status().message(), "sh failed: broken");
}

TEST(RunProgram, AProgramThatDoesNotEndIsKilled) {
  const auto output = run_program({"sleep", "60"}, "", 50ms);
  EXPECT_EQ(output.status().code(), Code::kTimeout);
}

TEST(TopoPicture, AMissingRendererIsNamedWithItsPackage) {
  const auto bytes = render_picture("graph {}", PictureFormat::kSvg, "no-such-renderer");
  EXPECT_EQ(bytes.status().code(), Code::kNotSupported);
  EXPECT_TRUE(says(bytes.status().message(), "no-such-renderer cannot be run"));
  EXPECT_TRUE(says(bytes.status().message(), "the package graphviz"));
  EXPECT_EQ(*render_picture("graph {}", PictureFormat::kDot, "no-such-renderer"), "graph {}");
}

TEST(TopoPicture, AFileThatCannotBeWrittenIsNamed) {
  const Status status = write_file("--draw", "/nowhere/a.dot", "x");
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "--draw /nowhere/a.dot: cannot be written: No such file or directory");
}

}  // namespace
}  // namespace tutti::cli
