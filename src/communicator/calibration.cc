// Calibrations in files. Tested by tuning_test.cc.

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "communicator/environment.h"
#include "communicator/files.h"
#include "tuner/model.h"
#include "tutti/tuning.h"

namespace tutti {

Result<std::string> read_file(const std::string& path, std::string_view what) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file && !file.bad()) return text.str();
  return Status(Code::kInvalidArgument,
                std::string(what) + " " + path + ": cannot be read: " + std::strerror(errno));
}

std::string machine_fingerprint() {
  std::ifstream file("/proc/cpuinfo");
  std::map<std::string, std::string> facts;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    std::string name = line.substr(0, colon);
    name.erase(name.find_last_not_of(" \t") + 1);
    facts[name] = line.substr(colon + 2);
  }
  std::string text;
  for (const char* name : {"vendor_id", "cpu family", "model", "CPU implementer", "CPU part"}) {
    if (facts.contains(name)) text += facts[name] + "-";
  }
  return text + std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + "-processors";
}

std::string calibration_path() {
  const std::string folder = cache_folder();
  return folder.empty() ? "" : folder + "/" + machine_fingerprint() + ".calibration";
}

Result<Calibration> load_calibration(const Options& options) {
  if (options.calibration == "none") return Calibration{};
  const bool is_default = options.calibration.empty();
  const std::string path = is_default ? calibration_path() : options.calibration;
  std::error_code ignored;
  if (is_default && (path.empty() || !std::filesystem::exists(path, ignored))) {
    return Calibration{};
  }
  Result<std::string> text = read_file(path, "calibration");
  if (!text.ok()) return text.status();
  if (Status status = parse_model(*text).status(); !status.ok()) {
    return Status(status.code(), path + ": " + status.message());
  }
  return Calibration{std::move(*text)};
}

Status save_calibration(const Calibration& calibration, const std::string& path) {
  const auto failed = [&] {
    return Status(Code::kSystem, path + ": cannot be written: " + std::strerror(errno));
  };
  if (path.empty()) {
    return {Code::kInvalidArgument, "no place for calibrations: expected HOME or XDG_CACHE_HOME"};
  }
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const std::string part = path + "." + std::to_string(getpid());
  {
    std::ofstream file(part);
    file << calibration.text << std::flush;
    if (!file) return failed();
  }
  if (rename(part.c_str(), path.c_str()) == 0) return {};
  const Status status = failed();
  unlink(part.c_str());
  return status;
}

}  // namespace tutti
