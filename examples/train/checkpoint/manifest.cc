#include "train/checkpoint/manifest.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/checkpoint/checksum.h"
#include "train/data/mapped_file.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kFormat = "tutti training checkpoint";
constexpr int kVersion = 1;
constexpr std::string_view kStep = "step-";
constexpr std::string_view kPartial = ".partial";

std::string numbered(const char* name, int rank, int ranks) {
  if (ranks == 1) return std::string(name) + ".safetensors";
  char text[64];
  std::snprintf(text, sizeof text, "%s-%05d-of-%05d.safetensors", name, rank + 1, ranks);
  return text;
}

Manifest parse_manifest(const Json& json, const std::string& path) {
  if (json.at("format") != kFormat || json.at("version") != kVersion) {
    throw Failure(path + ": format " + json.at("format").dump() + ", version " +
                  json.at("version").dump() + "; expected \"" + kFormat + "\", 1");
  }
  Manifest manifest;
  manifest.step = json.at("step");
  manifest.seed = json.at("seed");
  manifest.samples = json.at("samples");
  manifest.mesh = must(parse_mesh(json.at("mesh").get<std::string>(), json.at("ranks")));
  manifest.settings = json.at("settings");
  for (const Json& file : json.at("files")) {
    manifest.files.push_back({file.at("name"), file.at("bytes"), file.at("crc32c")});
  }
  return manifest;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string model_file(int rank, int ranks) { return numbered("model", rank, ranks); }
std::string optimizer_file(int rank, int ranks) { return numbered("optimizer", rank, ranks); }

std::string step_name(long step) {
  char text[48];
  std::snprintf(text, sizeof text, "step-%09ld", step);
  return text;
}

std::optional<long> step_named(const std::string& name) {
  if (!name.starts_with(kStep)) return std::nullopt;
  long step = 0;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + kStep.size(), end, step);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return step;
}

std::string to_json(const Manifest& manifest) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const FileRecord& file : manifest.files) {
    files.push_back({{"name", file.name}, {"bytes", file.bytes}, {"crc32c", file.crc32c}});
  }
  const nlohmann::ordered_json json = {{"format", kFormat},
                                       {"version", kVersion},
                                       {"step", manifest.step},
                                       {"seed", manifest.seed},
                                       {"samples", manifest.samples},
                                       {"mesh", to_text(manifest.mesh)},
                                       {"ranks", manifest.mesh.ranks()},
                                       {"settings", manifest.settings},
                                       {"files", files}};
  return json.dump(2) + "\n";
}

Manifest read_manifest(const std::string& folder) {
  const std::string marker_path = folder + "/" + kCompleteFile;
  if (::access(marker_path.c_str(), R_OK) != 0) {
    throw Failure(folder + ": no complete checkpoint; expected a file " + kCompleteFile + " in it");
  }
  const MappedFile marker(marker_path);
  const MappedFile file(folder + "/" + kManifestFile);
  const std::string sum = std::to_string(crc32c(file.bytes())) + "\n";
  if (marker.text() != sum) {
    throw Failure(file.path() + ": checksum " + sum.substr(0, sum.size() - 1) +
                  "; expected that in " + marker_path + ": the checkpoint is damaged");
  }
  try {
    return parse_manifest(Json::parse(file.text()), file.path());
  } catch (const Json::exception& error) {
    throw Failure(file.path() + ": not a checkpoint's manifest: " + error.what());
  }
}

std::vector<long> complete_steps(const std::string& folder) {
  std::vector<long> steps;
  for (const std::string& name : names_in(folder)) {
    const auto step = step_named(name);
    if (step && fs::exists(folder + "/" + name + "/" + kCompleteFile)) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::vector<std::string> leftovers(const std::string& folder) {
  std::vector<std::string> left;
  for (const std::string& name : names_in(folder)) {
    if (name.starts_with(kStep) && name.ends_with(kPartial)) left.push_back(name);
  }
  return left;
}

}  // namespace tutti::train
