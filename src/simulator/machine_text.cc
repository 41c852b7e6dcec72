#include "simulator/machine_text.h"

#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "base/texts.h"
#include "simulator/typical.h"

namespace tutti {
namespace {

Status expected(const std::string& word, const std::string& what) {
  return {Code::kInvalidArgument, "cluster: \"" + word + "\": expected " + what};
}

// A number and what follows it; none where there is no number.
struct Measure {
  double value = 0;
  std::string unit;
};

std::optional<Measure> measure(const std::string& text) {
  Measure measure;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, measure.value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(measure.value) || measure.value < 0) return {};
  measure.unit = std::string(rest, end);
  return measure;
}

std::optional<double> bandwidth(const std::string& text) {
  std::optional<Measure> given = measure(text);
  if (!given || given->value == 0) return {};
  std::string& unit = given->unit;
  const bool bits = unit.ends_with("bit");
  if (bits) unit.resize(unit.size() - 3);
  if (!bits && unit.ends_with("B")) unit.resize(unit.size() - 1);
  static const std::map<std::string, double> kScales = {
      {"", 1}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};
  const auto scale = kScales.find(unit);
  if (scale == kScales.end()) return {};
  return given->value * scale->second / (bits ? 8 : 1);
}

std::optional<double> duration(const std::string& text) {
  const std::optional<Measure> given = measure(text);
  static const std::map<std::string, double> kScales = {
      {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  if (!given || !kScales.contains(given->unit)) return {};
  return given->value * kScales.at(given->unit);
}

std::optional<int> whole(const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < 1 || value > kMostMachineRanks) return {};
  return value;
}

// The words given, each taken by whoever it means something to.
class Words {
 public:
  Status read(const std::string& text) {
    for (const std::string& word : split(text)) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) return expected(word, "name=value");
      if (!words_.try_emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
        return expected(word, "each name once");
      }
    }
    return {};
  }

  bool has(const std::string& name) const { return words_.contains(name); }

  void take_count(const std::string& name, int& value) {
    take(name, value, whole, "a whole number from 1 to " + std::to_string(kMostMachineRanks));
  }
  void take_bandwidth(const std::string& name, double& value) {
    take(name, value, bandwidth, "bytes per second such as 50G, or bits such as 400Gbit");
  }
  void take_time(const std::string& name, double& value) {
    take(name, value, duration, "a time such as 800ns, 2.5us, 1ms or 1s");
  }

  // The first thing wrong; words that nobody took are.
  Status finish() const {
    if (!status_.ok() || words_.empty()) return status_;
    return expected(words_.begin()->first + "=" + words_.begin()->second,
                    "one of hosts, ranks, port, net, ports, latency, net_latency, message, "
                    "net_message, memory, call, leaf_hosts, leaf, cores");
  }

 private:
  template <class T>
  void take(const std::string& name, T& value, std::optional<T> (*parse)(const std::string&),
            const std::string& what) {
    const auto found = words_.find(name);
    if (found == words_.end()) return;
    if (const std::optional<T> parsed = parse(found->second)) {
      value = *parsed;
    } else if (status_.ok()) {
      status_ = expected(name + "=" + found->second, what);
    }
    words_.erase(found);
  }

  std::map<std::string, std::string> words_;
  Status status_;
};

void set_memory(RankCosts& costs, double bytes_per_second) {
  const Curve curve = Curve::flat(1 / bytes_per_second);
  costs.read_user = costs.write_user = costs.read_scratch = costs.write_scratch = curve;
  costs.write_peer = costs.read_peer = curve;
  costs.stream_user = curve.memory;
}

Status check_hosts(const Words& words, const Machine& machine, int hosts) {
  if (hosts > 1 && machine.host_port == 0) {
    return expected("hosts=" + std::to_string(hosts), "net= beside it, the ports between hosts");
  }
  if (words.has("leaf") != words.has("leaf_hosts")) {
    return expected(words.has("leaf") ? "leaf" : "leaf_hosts", "leaf= and leaf_hosts= together");
  }
  return {};
}

}  // namespace

Result<Machine> parse_machine(const std::string& text) {
  Words words;
  if (const Status status = words.read(text); !status.ok()) return status;
  const Words given = words;
  int hosts = 1, ranks = 1;
  words.take_count("hosts", hosts);
  words.take_count("ranks", ranks);

  Machine machine;
  words.take_bandwidth("port", machine.rank_port);
  const bool wired = machine.wired();
  machine.rank = wired ? typical_gpu(/*sm=*/90) : typical_processor();
  machine.near = wired ? typical_gpu_way(PathType::kNvLink) : typical_processor_way();
  machine.far = typical_network(/*rdma=*/wired);
  machine.ports = ranks;

  words.take_bandwidth("net", machine.host_port);
  words.take_count("ports", machine.ports);
  words.take_time("latency", machine.near.latency);
  words.take_time("net_latency", machine.far.latency);
  words.take_time("message", machine.near.message);
  words.take_time("net_message", machine.far.message);
  words.take_time("call", machine.rank.call);
  words.take_count("leaf_hosts", machine.leaf_hosts);
  words.take_bandwidth("leaf", machine.leaf_port);
  words.take_count("cores", machine.cores);
  double memory = 0;
  words.take_bandwidth("memory", memory);
  if (memory > 0) set_memory(machine.rank, memory);

  if (const Status status = words.finish(); !status.ok()) return status;
  if (const Status status = check_hosts(given, machine, hosts); !status.ok()) return status;
  if (std::int64_t{hosts} * ranks > kMostMachineRanks) {
    return expected("hosts=" + std::to_string(hosts) + ",ranks=" + std::to_string(ranks),
                    "at most " + std::to_string(kMostMachineRanks) + " ranks in all");
  }
  machine.ranks = hosts * ranks;
  if (hosts > 1) machine.host_of = regular_hosts(hosts, ranks);
  return machine;
}

}  // namespace tutti
