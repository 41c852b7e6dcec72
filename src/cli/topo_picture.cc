// Tested by cli_topo_test.cc and cli_command_test.py.

#include "cli/topo_picture.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "cli/run_program.h"

namespace tutti::cli {
namespace {

constexpr std::chrono::minutes kPatience{2};

std::string source_of(const Topology& topology, PictureOf picture) {
  switch (picture) {
    case PictureOf::kMachine:
      return to_dot(topology);
    case PictureOf::kRings:
      return rings_to_dot(find_ways(topology));
    case PictureOf::kTrees:
      return trees_to_dot(find_ways(topology));
  }
  return "";
}

const char* flag_of(PictureFormat format) {
  switch (format) {
    case PictureFormat::kDot:
      return "-Tdot";
    case PictureFormat::kSvg:
      return "-Tsvg";
    case PictureFormat::kPng:
      return "-Tpng";
    case PictureFormat::kPdf:
      return "-Tpdf";
  }
  return "";
}

}  // namespace

Result<std::string> render_picture(const std::string& dot, PictureFormat format,
                                   const std::string& renderer) {
  if (format == PictureFormat::kDot) return dot;
  auto bytes = run_program({renderer, flag_of(format)}, dot, kPatience);
  if (bytes.ok() || bytes.status().code() != Code::kNotSupported) return bytes;
  return Status(Code::kNotSupported,
                bytes.status().message() +
                    "; it is Graphviz's (Debian and Ubuntu: the package graphviz). "
                    "A file that ends in .dot needs no program");
}

Status write_file(const std::string& option, const std::string& file, const std::string& bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream << bytes;
  stream.close();
  if (stream) return {};
  return {Code::kInvalidArgument,
          fmt::format("{} {}: cannot be written: {}", option, file, std::strerror(errno))};
}

Status draw_topology(const Topology& topology, const TopoOptions& options) {
  const auto bytes = render_picture(source_of(topology, options.picture), options.format);
  if (bytes.ok()) return write_file("--draw", options.draw_file, *bytes);
  return {bytes.status().code(),
          fmt::format("--draw {}: {}", options.draw_file, bytes.status().message())};
}

}  // namespace tutti::cli
