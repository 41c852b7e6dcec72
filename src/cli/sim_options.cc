// Tested by cli_sim_test.cc.

#include "cli/sim_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/names.h"
#include "cli/sizes.h"

namespace tutti::cli {
namespace {

// The line as text, with the defaults that the help shows.
struct Texts {
  std::string collective = "all_reduce";
  std::string algorithm = "all";
  std::string size = "1M";
  std::string type = "float";
  std::string root = "0";
  std::string hosts = "1";
  std::string model = "messages";
  std::string tile, lanes, scratch;
  std::string goal_blocks = "one";
};

constexpr const char* kFooter =
    "\nA cluster in words: hosts=4,ranks=8,port=450G,net=50G,latency=1us,net_latency=5us; "
    "bytes per\nsecond (or 400Gbit), port= for ranks that have wires inside their host, as GPUs "
    "have. All words:\ndocs/simulator.md.";

void add_where(CLI::App& app, Texts& t, SimOptions& o) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    return app.add_option(flags, text, help)->group("Where");
  };
  add("--topology", o.topology, "a machine, as NCCL's topology XML (tutti topo --xml writes one)");
  add("--cluster", o.cluster, "a machine in words");
  add("--hosts", t.hosts, "so many of it, side by side")->capture_default_str();
}

void add_what(CLI::App& app, Texts& t, SimOptions& o) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    return app.add_option(flags, text, help)->group("What");
  };
  add("--collective", t.collective, "the collective")->capture_default_str();
  add("--algorithm", t.algorithm, "its algorithm by name; all: each in turn")
      ->capture_default_str();
  add("--schedule", o.request.schedule_file,
      "an algorithm of MSCCL (XML) or MSCCL++ (JSON) instead; without a cluster it is only proved");
  add("--size", t.size, "sizes of the largest buffer, separated by commas")->capture_default_str();
  add("--type", t.type, "element type")->capture_default_str();
  add("--root", t.root, "root of broadcast, reduce, gather and scatter")->capture_default_str();
}

void add_how(CLI::App& app, Texts& t) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    return app.add_option(flags, text, help)->group("How");
  };
  add("--model", t.model, "messages: links serve one after the other; flows: they share links")
      ->capture_default_str();
  add("--tile", t.tile, "bytes of a chunk that a block moves (default: by machine)");
  add("--lanes", t.lanes, "blocks in flight (default: by machine)");
  add("--scratch", t.scratch, "scratch memory of a rank (default: by machine)");
}

void add_output(CLI::App& app, Texts& t, SimOptions& o) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    return app.add_option(flags, text, help)->group("Output");
  };
  add("--trace", o.trace_file, "writes a trace for ui.perfetto.dev there");
  add("--svg", o.svg_file, "writes a time line as a picture there");
  add("--goal", o.goal_file, "writes the call as GOAL, for LogGOPSim, there");
  add("--goal-blocks", t.goal_blocks, "one: of the first block; all")->capture_default_str();
  app.add_flag("--dump", o.dump, "prints the schedule of --schedule, a line a step")
      ->group("Output");
  app.add_flag("--json", o.json, "prints JSON instead of the table")->group("Output");
}

Status expected(const std::string& option, const std::string& text, const std::string& what) {
  return {Code::kInvalidArgument, fmt::format("{} {}: expected {}", option, text, what)};
}

Result<std::vector<std::size_t>> parse_sizes(const std::string& text) {
  std::vector<std::size_t> sizes;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto size = parse_bytes("--size", part);
    if (!size.ok()) return size.status();
    sizes.push_back(*size);
  }
  if (sizes.empty()) return expected("--size", text, "at least one");
  return sizes;
}

// A number that may be left out.
Status read_optional(const char* option, const std::string& text, std::size_t& value) {
  if (text.empty()) return {};
  const auto bytes = parse_bytes(option, text);
  if (bytes.ok() && *bytes == 0) return expected(option, text, "more than nothing");
  if (bytes.ok()) value = *bytes;
  return bytes.status();
}

Status read_numbers(const Texts& t, SimOptions& o) {
  const auto hosts = parse_integer("--hosts", t.hosts, 1, 1 << 20);
  if (!hosts.ok()) return hosts.status();
  o.hosts = static_cast<int>(*hosts);
  const auto root = parse_integer("--root", t.root, 0, 1 << 20);
  if (!root.ok()) return root.status();
  o.request.root = static_cast<int>(*root);
  auto sizes = parse_sizes(t.size);
  if (!sizes.ok()) return sizes.status();
  o.sizes = std::move(*sizes);
  const auto lanes = parse_integer("--lanes", t.lanes.empty() ? "1" : t.lanes, 1, 16);
  if (!lanes.ok()) return lanes.status();
  o.request.lanes = t.lanes.empty() ? 0 : static_cast<int>(*lanes);
  if (Status status = read_optional("--tile", t.tile, o.request.tile_bytes); !status.ok()) {
    return status;
  }
  return read_optional("--scratch", t.scratch, o.request.scratch_bytes);
}

Status read_names(const Texts& t, SimOptions& o) {
  const auto collectives = parse_collectives(t.collective);
  if (!collectives.ok()) return collectives.status();
  if (collectives->size() != 1) return expected("--collective", t.collective, "one");
  o.request.collective = collectives->front();
  const auto types = parse_data_types("--type", t.type);
  if (!types.ok()) return types.status();
  if (types->size() != 1) return expected("--type", t.type, "one");
  o.request.type = types->front();
  o.algorithm = t.algorithm;
  if (t.model != "messages" && t.model != "flows") {
    return expected("--model", t.model, "messages or flows");
  }
  o.request.model = t.model == "flows" ? SimulationModel::kFlows : SimulationModel::kMessages;
  if (t.goal_blocks != "one" && t.goal_blocks != "all") {
    return expected("--goal-blocks", t.goal_blocks, "one or all");
  }
  o.goal_all_blocks = t.goal_blocks == "all";
  return {};
}

// What fits together.
Status check(const Texts& t, const SimOptions& o) {
  const std::string& file = o.request.schedule_file;
  if (!o.topology.empty() && !o.cluster.empty()) {
    return expected("--cluster", o.cluster, "none beside --topology");
  }
  if (!o.has_cluster() && file.empty()) {
    return {Code::kInvalidArgument,
            "expected --topology or --cluster, to run on, or --schedule, "
            "to prove"};
  }
  if (!file.empty() && t.algorithm != "all") {
    return expected("--algorithm", t.algorithm, "none beside --schedule");
  }
  if (o.dump && file.empty()) return expected("--dump", "", "--schedule beside it");
  const bool writes = !o.trace_file.empty() || !o.svg_file.empty() || !o.goal_file.empty();
  if (writes && !o.has_cluster()) {
    return {Code::kInvalidArgument,
            "--trace, --svg and --goal: expected --topology or --cluster "
            "beside them"};
  }
  if (writes && (o.sizes.size() > 1 || (t.algorithm == "all" && file.empty()))) {
    return {Code::kInvalidArgument,
            "--trace, --svg and --goal: expected one --size and one --algorithm beside them"};
  }
  return {};
}

}  // namespace

Result<SimLine> parse_sim(std::vector<std::string> arguments) {
  CLI::App app("Runs collectives on machines that one does not have.\n", "tutti sim");
  app.footer(kFooter);
  Texts texts;
  SimOptions options;
  add_where(app, texts, options);
  add_what(app, texts, options);
  add_how(app, texts);
  add_output(app, texts, options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return SimLine{{}, app.help()};
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
  if (Status status = read_numbers(texts, options); !status.ok()) return status;
  if (Status status = read_names(texts, options); !status.ok()) return status;
  if (Status status = check(texts, options); !status.ok()) return status;
  return SimLine{options, ""};
}

}  // namespace tutti::cli
