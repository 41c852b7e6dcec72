// Tested by cli_explain_test.cc.

#include "cli/explain_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/names.h"
#include "cli/sizes.h"

namespace tutti::cli {
namespace {

struct Texts {
  std::string collectives;
  std::string sizes;
  std::string type = "float";
  std::string ranks = "2";
  std::string hosts = "1";
  std::string cores = "0";
  std::string iterations = "15";
};

void add_options(CLI::App& app, Texts& texts, ExplainOptions& options) {
  app.description(
      "The candidates for a call: predicted time, which one runs, and why the others do not.\n"
      "Under a launcher for its ranks; otherwise for those that --ranks and --hosts say.");
  app.add_option("collective", texts.collectives, "collectives, with commas; or all")->required();
  app.add_option("size", texts.sizes, "bytes of the largest buffer: 8,1K,64M")->required();
  app.add_option("-d,--datatype", texts.type, "of the elements")->capture_default_str();
  app.add_option("--ranks", texts.ranks, "of each host")->capture_default_str();
  app.add_option("--hosts", texts.hosts, "how many")->capture_default_str();
  app.add_option("--cores", texts.cores, "of each host; 0: one for each rank")
      ->capture_default_str();
  app.add_flag("--allocated", options.allocated, "buffers from Communicator::allocate()");
  app.add_option("--topology", options.topology,
                 "a machine's XML: the call is simulated there, on --hosts of it");
  app.add_flag("--measure", options.measure, "measure every candidate too");
  app.add_option("-n,--iters", texts.iterations, "of each measurement")->capture_default_str();
  app.add_flag("--json", options.json, "a document instead of tables");
}

Status read(const Texts& texts, ExplainOptions& options) {
  auto collectives = parse_collectives(texts.collectives);
  if (!collectives.ok()) return collectives.status();
  options.collectives = *collectives;
  auto sizes = parse_sizes("size", texts.sizes);
  if (!sizes.ok()) return sizes.status();
  options.sizes = *sizes;
  auto types = parse_data_types("-d", texts.type);
  if (!types.ok()) return types.status();
  options.type = types->front();
  const auto number = [](const char* name, const std::string& text, int low, int high, int& to) {
    auto value = parse_integer(name, text, low, high);
    if (value.ok()) to = static_cast<int>(*value);
    return value.status();
  };
  Status status = number("--ranks", texts.ranks, 1, 4096, options.ranks);
  if (status.ok()) status = number("--hosts", texts.hosts, 1, 4096, options.hosts);
  if (status.ok()) status = number("--cores", texts.cores, 0, 4096, options.cores);
  if (status.ok()) status = number("--iters", texts.iterations, 1, 10'000, options.iterations);
  if (status.ok() && options.measure && options.hosts > 1) {
    return {Code::kInvalidArgument,
            "--hosts with --measure: expected a launcher that starts ranks on these hosts"};
  }
  if (status.ok() && options.measure && !options.topology.empty()) {
    return {Code::kInvalidArgument, "--topology with --measure: expected one of them"};
  }
  return status;
}

}  // namespace

Result<std::vector<std::size_t>> parse_sizes(const std::string& option, const std::string& text) {
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const auto bytes = parse_bytes(option, text.substr(at, comma - at));
    if (!bytes.ok()) return bytes.status();
    sizes.push_back(*bytes);
    at = comma + 1;
  }
  return sizes;
}

Result<ExplainRequest> parse_explain(std::vector<std::string> arguments) {
  ExplainRequest request;
  Texts texts;
  CLI::App app("", "tutti explain");
  add_options(app, texts, request.options);
  try {
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    request.help = app.help();
    return request;
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
  if (const Status status = read(texts, request.options); !status.ok()) return status;
  return request;
}

}  // namespace tutti::cli
