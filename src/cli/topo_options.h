// What `tutti topo` was asked to show. Tested by cli_topo_test.cc.

#pragma once

#include <string>
#include <vector>

#include "tutti/status.h"

namespace tutti::cli {

/// Which paths are shown.
enum class MatrixSize {
  kSummary,  // all where they are few; otherwise those on one host of a kind, and a summary
  kAll,
  kNone,
};

enum class PictureOf { kMachine, kRings, kTrees };

enum class PictureFormat { kDot, kSvg, kPng, kPdf };

struct TopoOptions {
  std::string from;         // a file; "": this machine
  int hosts = 0;            // copies of the host; 0: as it is
  bool writes_xml = false;  // to xml_file, or to standard output where that is ""
  std::string xml_file;
  std::string draw_file;  // "": none
  PictureOf picture = PictureOf::kMachine;
  PictureFormat format = PictureFormat::kDot;  // by the ending of draw_file
  bool json = false;
  MatrixSize matrix = MatrixSize::kSummary;

  /// Whether the text is what was asked for.
  bool shows_text() const { return !writes_xml && draw_file.empty() && !json; }
};

/// Options, or the help text that was asked for instead.
struct TopoRequest {
  TopoOptions options;
  std::string help;
};

/// `arguments` are what follows `tutti topo`. kInvalidArgument is a sentence for the user.
Result<TopoRequest> parse_topo(std::vector<std::string> arguments);

}  // namespace tutti::cli
