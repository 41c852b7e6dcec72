// The one place that reads the environment. Tested by options_test.cc.

#include "tutti/options.h"

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <unordered_set>

#include "communicator/environment.h"

extern char** environ;

namespace tutti {
namespace {

Status wrong(const std::string& variable, const std::string& value, const std::string& expected) {
  return {Code::kInvalidArgument, variable + "=" + value + ": expected " + expected};
}

Result<double> seconds(const std::string& variable, const std::string& text) {
  double value = 0;  // not by strtod(), which reads what the locale says
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && value >= 0.001 && value < 1e7) return value;
  return wrong(variable, text, "seconds, at least 0.001");
}

Result<long> whole(const std::string& variable, const std::string& text, long least, long most) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) {
    return value;
  }
  return wrong(variable, text,
               "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

Result<std::size_t> byte_count(const std::string& variable, const std::string& text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view suffix(end, text.data() + text.size() - end);
  int shift = -1;
  if (suffix.empty()) shift = 0;
  if (suffix == "K") shift = 10;
  if (suffix == "M") shift = 20;
  if (suffix == "G") shift = 30;
  if (error == std::errc() && shift >= 0 && value <= (std::size_t{1} << 42) >> shift) {
    return value << shift;
  }
  return wrong(variable, text, "bytes, with a suffix K, M or G or none");
}

// Sets one option; the variables are those that options.h names.
Status apply(const std::string& variable, const std::string& value, Options& options) {
  const auto set = [](auto result, auto&& assign) -> Status {
    if (result.ok()) assign(*result);
    return result.status();
  };
  const auto ms = [](double s) { return std::chrono::milliseconds(static_cast<long>(s * 1000)); };
  if (variable == "TUTTI_START_TIMEOUT") {
    return set(seconds(variable, value), [&](double s) { options.start_timeout = ms(s); });
  }
  if (variable == "TUTTI_TIMEOUT") {
    return set(seconds(variable, value), [&](double s) { options.call_timeout = ms(s); });
  }
  if (variable == "TUTTI_PEER_TIMEOUT") {
    return set(seconds(variable, value), [&](double s) { options.peer_timeout = ms(s); });
  }
  if (variable == "TUTTI_REPRODUCIBLE") {
    return set(whole(variable, value, 0, 1), [&](long v) { options.reproducible = v != 0; });
  }
  if (variable == "TUTTI_TILE") {
    return set(byte_count(variable, value), [&](std::size_t v) { options.tile_bytes = v; });
  }
  if (variable == "TUTTI_LANES") {
    return set(whole(variable, value, 0, 16), [&](long v) { options.lanes = static_cast<int>(v); });
  }
  if (variable == "TUTTI_SCRATCH") {
    return set(byte_count(variable, value), [&](std::size_t v) { options.scratch_bytes = v; });
  }
  if (variable == "TUTTI_HEAP") {
    return set(byte_count(variable, value), [&](std::size_t v) { options.heap_bytes = v; });
  }
  if (variable == "TUTTI_DEVICE") {
    return set(whole(variable, value, -1, 1023),
               [&](long v) { options.device = static_cast<int>(v); });
  }
  if (variable == "TUTTI_NVLS") {
    return set(whole(variable, value, 0, 1), [&](long v) { options.nvls = v != 0; });
  }
  if (variable == "TUTTI_GPUDIRECT") {
    return set(whole(variable, value, 0, 1), [&](long v) { options.gpudirect = v != 0; });
  }
  if (variable == "TUTTI_DEVICE_BLOCKS") {
    return set(whole(variable, value, 1, 64),
               [&](long v) { options.device_blocks = static_cast<int>(v); });
  }
  if (variable == "TUTTI_DEVICE_THREADS") {
    return set(whole(variable, value, 32, 512),
               [&](long v) { options.device_threads = static_cast<int>(v); });
  }
  if (variable == "TUTTI_DEVICE_COPIES") {
    return set(byte_count(variable, value), [&](std::size_t v) { options.device_copies = v; });
  }
  if (variable == "TUTTI_LOG") {
    return set(whole(variable, value, 0, 2),
               [&](long v) { options.log_level = static_cast<int>(v); });
  }
  if (variable == "TUTTI_NCCL_VERSION") {
    return set(whole(variable, value, 2000, 99999),
               [&](long v) { options.nccl_version = static_cast<int>(v); });
  }
  if (variable == "TUTTI_ALGORITHM") options.algorithm = value;
  if (variable == "TUTTI_RULES") options.rules = value;
  if (variable == "TUTTI_CALIBRATION") options.calibration = value;
  if (variable == "TUTTI_ISA") options.isa = value;
  if (variable == "TUTTI_INTERFACE") options.interface = value;
  if (variable == "TUTTI_NET_DEVICES") options.net_devices = value;
  if (variable == "TUTTI_HOST") options.host = value;
  return {};
}

const std::unordered_set<std::string_view> kKnown = {
    "TUTTI_START_TIMEOUT",  "TUTTI_TIMEOUT",       "TUTTI_REPRODUCIBLE", "TUTTI_TILE",
    "TUTTI_LANES",          "TUTTI_SCRATCH",       "TUTTI_HEAP",         "TUTTI_LOG",
    "TUTTI_ALGORITHM",      "TUTTI_ISA",           "TUTTI_INTERFACE",    "TUTTI_NET_DEVICES",
    "TUTTI_PEER_TIMEOUT",   "TUTTI_HOST",          "TUTTI_RULES",        "TUTTI_CALIBRATION",
    "TUTTI_DEVICE",         "TUTTI_NCCL_VERSION",  "TUTTI_NVLS",         "TUTTI_DEVICE_BLOCKS",
    "TUTTI_DEVICE_THREADS", "TUTTI_DEVICE_COPIES", "TUTTI_GPUDIRECT"};

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

std::string cache_folder() {
  const Environment look = process_environment();
  const auto cache = look("XDG_CACHE_HOME");
  if (cache && cache->starts_with('/')) return *cache + "/tutti";
  const auto home = look("HOME");
  return home && home->starts_with('/') ? *home + "/.cache/tutti" : "";
}

Result<Options> Options::from_environment() {
  Options options;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    const std::string variable(text.substr(0, equals));
    if (!variable.starts_with("TUTTI_")) continue;
    if (!kKnown.contains(variable)) {
      return {Code::kInvalidArgument,
              "environment variable " + variable + ": no such setting; see tutti/options.h"};
    }
    Status status = apply(variable, std::string(text.substr(equals + 1)), options);
    if (!status.ok()) return status;
  }
  return options;
}

}  // namespace tutti
