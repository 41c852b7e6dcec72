// CLI11 splits the line into texts; what they mean is decided here, as in perf_options.cc.
//
// Tested by cli_topo_test.cc.

#include "cli/topo_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "cli/sizes.h"

namespace tutti::cli {
namespace {

constexpr int kMostHosts = 65'536;

template <class Value>
struct Word {
  const char* text;
  Value value;
};

constexpr std::array<Word<MatrixSize>, 3> kMatrixSizes = {
    {{"summary", MatrixSize::kSummary}, {"all", MatrixSize::kAll}, {"none", MatrixSize::kNone}}};
constexpr std::array<Word<PictureOf>, 3> kPictures = {
    {{"machine", PictureOf::kMachine}, {"rings", PictureOf::kRings}, {"trees", PictureOf::kTrees}}};
constexpr std::array<Word<PictureFormat>, 4> kFormats = {{{".svg", PictureFormat::kSvg},
                                                          {".png", PictureFormat::kPng},
                                                          {".pdf", PictureFormat::kPdf},
                                                          {".dot", PictureFormat::kDot}}};

template <class Value, std::size_t n>
std::optional<Value> find_word(const std::array<Word<Value>, n>& words, const std::string& text) {
  for (const Word<Value>& word : words) {
    if (text == word.text) return word.value;
  }
  return std::nullopt;
}

template <class Value, std::size_t n>
std::string list_words(const std::array<Word<Value>, n>& words) {
  std::vector<std::string> texts;
  for (const Word<Value>& word : words) texts.push_back(word.text);
  const std::string last = texts.back();
  texts.pop_back();
  return fmt::format("{} or {}", fmt::join(texts, ", "), last);
}

struct Texts {
  std::string from;
  std::string hosts;
  std::string xml;
  std::string draw;
  std::string picture = "machine";
  std::string matrix = "summary";
  bool json = false;
  bool xml_given = false;
};

void add_options(CLI::App& app, Texts& t) {
  app.add_option("--from", t.from, "read a machine from NCCL's topology XML instead of this one")
      ->option_text("FILE.xml");
  app.add_option("--hosts", t.hosts, "show as many copies of the host, as a cluster")
      ->option_text("N");
  app.add_option("--matrix", t.matrix, "paths to show: summary, all or none")
      ->option_text("HOW [summary]");
  app.add_option("--xml", t.xml, "write NCCL's topology XML, to standard output or FILE")
      ->expected(0, 1)
      ->option_text("[FILE]");
  app.add_option("--draw", t.draw, "draw a picture; its ending says how: .svg, .png, .pdf or .dot")
      ->option_text("FILE");
  app.add_option("--draw-what", t.picture, "of what: machine, rings or trees")
      ->option_text("WHAT [machine]");
  app.add_flag("--json", t.json, "print everything as JSON");
}

Status wrong(const std::string& option, const std::string& text, const std::string& expected) {
  return {Code::kInvalidArgument, fmt::format("{} {}: expected {}", option, text, expected)};
}

Status read_hosts(const Texts& t, TopoOptions& o) {
  if (t.hosts.empty()) return {};
  const auto hosts = parse_integer("--hosts", t.hosts, 1, kMostHosts);
  if (!hosts.ok()) return hosts.status();
  o.hosts = static_cast<int>(*hosts);
  return {};
}

Status read_picture(const Texts& t, TopoOptions& o) {
  const auto picture = find_word(kPictures, t.picture);
  if (!picture) return wrong("--draw-what", t.picture, list_words(kPictures));
  o.picture = *picture;
  o.draw_file = t.draw;
  if (t.draw.empty()) return {};
  const auto format = find_word(kFormats, std::filesystem::path(t.draw).extension().string());
  if (!format) return wrong("--draw", t.draw, "a file that ends in " + list_words(kFormats));
  o.format = *format;
  return {};
}

Status read_matrix(const Texts& t, TopoOptions& o) {
  const auto matrix = find_word(kMatrixSizes, t.matrix);
  if (!matrix) return wrong("--matrix", t.matrix, list_words(kMatrixSizes));
  o.matrix = *matrix;
  return {};
}

Status read(const Texts& t, TopoOptions& o) {
  o.from = t.from;
  o.json = t.json;
  o.writes_xml = t.xml_given;
  o.xml_file = t.xml;
  if (o.json && o.writes_xml && o.xml_file.empty()) {
    return wrong("--xml", "", "a file beside --json, which has standard output to itself");
  }
  for (const auto part : {read_hosts, read_picture, read_matrix}) {
    if (Status status = part(t, o); !status.ok()) return status;
  }
  return {};
}

}  // namespace

Result<TopoRequest> parse_topo(std::vector<std::string> arguments) {
  CLI::App app(
      "Shows what a machine is made of, how near its parts are to each other, and the rings and\n"
      "trees that collectives can use there. Under a launcher: the hosts of all ranks.\n",
      "tutti topo");
  Texts texts;
  add_options(app, texts);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  TopoRequest request;
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    request.help = app.help();
    return request;
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
  texts.xml_given = app.count("--xml") > 0;
  if (Status status = read(texts, request.options); !status.ok()) return status;
  return request;
}

}  // namespace tutti::cli
