#include "tuner/model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "simulator/typical.h"

namespace tutti {
namespace {

constexpr std::string_view kTitle = "tutti calibration 1";

void add(std::vector<ModelField>& fields, const char* cached, const char* shared,
         const char* memory, Curve& curve) {
  fields.push_back({cached, &curve.cached});
  fields.push_back({shared, &curve.shared});
  fields.push_back({memory, &curve.memory});
}

#define TUTTI_CURVE(name) "rank." #name ".cached", "rank." #name ".shared", "rank." #name ".memory"

Status wrong_line(int number, std::string_view line, const std::string& expected) {
  return {Code::kInvalidArgument, "calibration line " + std::to_string(number) + ": \"" +
                                      std::string(line) + "\": expected " + expected};
}

}  // namespace

Model default_model() {
  Model model;
  model.rank = typical_processor();
  // From the same run as typical_processor().
  model.crowd = 1.6;
  model.meet = 220e-9;
  model.near_latency = typical_processor_way().latency;
  model.far = typical_network(/*rdma=*/false);
  model.host_port = 10e9 / 8;
  return model;
}

std::vector<ModelField> fields(Model& model) {
  RankCosts& rank = model.rank;
  std::vector<ModelField> all = {
      {"rank.call", &rank.call},
      {"rank.block", &rank.block},
      {"rank.instruction", &rank.instruction},
      {"rank.give", &rank.give},
      {"rank.take", &rank.take},
      {"rank.line", &rank.line},
      {"rank.turn", &rank.turn, ModelField::Topic::kCrowd},
      {"crowd", &model.crowd, ModelField::Topic::kCrowd},
  };
  add(all, TUTTI_CURVE(read_user), rank.read_user);
  add(all, TUTTI_CURVE(write_user), rank.write_user);
  all.push_back({"rank.stream_user", &rank.stream_user});
  add(all, TUTTI_CURVE(read_scratch), rank.read_scratch);
  add(all, TUTTI_CURVE(write_scratch), rank.write_scratch);
  add(all, TUTTI_CURVE(write_peer), rank.write_peer);
  add(all, TUTTI_CURVE(read_peer), rank.read_peer);
  all.push_back({"rank.reduce", &rank.reduce});
  all.push_back({"meet", &model.meet});
  all.push_back({"near.latency", &model.near_latency});
  all.push_back({"far.latency", &model.far.latency, ModelField::Topic::kFar});
  all.push_back({"far.message", &model.far.message, ModelField::Topic::kFar});
  all.push_back({"far.send_byte", &model.far.send_byte, ModelField::Topic::kFar});
  all.push_back({"far.receive", &model.far.receive, ModelField::Topic::kFar});
  all.push_back({"far.receive_byte", &model.far.receive_byte, ModelField::Topic::kFar});
  all.push_back({"far.overhead", &model.far.overhead, ModelField::Topic::kFar});
  all.push_back({"far.expansion", &model.far.expansion, ModelField::Topic::kFar});
  all.push_back({"host_port", &model.host_port, ModelField::Topic::kFar});
  return all;
}

std::string to_text(const Model& model) {
  Model copy = model;
  std::ostringstream text;
  text.precision(6);
  text << kTitle << "\n";
  for (const ModelField& field : fields(copy)) text << field.name << " " << *field.value << "\n";
  return text.str();
}

Result<Model> parse_model(std::string_view text) {
  Model model = default_model();
  const std::vector<ModelField> known = fields(model);
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (++number == 1) {
      if (line != kTitle) return wrong_line(1, line, "\"" + std::string(kTitle) + "\"");
      continue;
    }
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.find(' ');
    const std::string_view name = line.substr(0, space);
    const auto field = std::find_if(known.begin(), known.end(),
                                    [&](const ModelField& f) { return name == f.name; });
    if (field == known.end()) return wrong_line(number, line, "the name of a number");
    const std::string_view digits = space == std::string_view::npos ? "" : line.substr(space + 1);
    double value = 0;
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || last != digits.data() + digits.size() || !std::isfinite(value) ||
        value < 0) {
      return wrong_line(number, line, "a number, not negative");
    }
    *field->value = value;
  }
  if (number == 0) return wrong_line(1, "", "\"" + std::string(kTitle) + "\"");
  return model;
}

RankCosts slowed(RankCosts costs, double factor) {
  for (double* cost : {&costs.call, &costs.block, &costs.instruction, &costs.give, &costs.take,
                       &costs.line, &costs.stream_user, &costs.reduce}) {
    *cost *= factor;
  }
  for (Curve* curve : {&costs.read_user, &costs.write_user, &costs.read_scratch,
                       &costs.write_scratch, &costs.write_peer, &costs.read_peer}) {
    *curve = {curve->cached * factor, curve->shared * factor, curve->memory * factor};
  }
  return costs;
}

Machine machine_of(const Model& model, const Group& group, int cores) {
  Machine machine;
  machine.ranks = group.ranks;
  machine.host_of = group.hosts;
  machine.rank = cores > 0 && cores < group.most_ranks_per_host() ? slowed(model.rank, model.crowd)
                                                                  : model.rank;
  machine.near.latency = model.near_latency;
  machine.far = model.far;
  machine.host_port = model.host_port;
  machine.cores = cores;
  return machine;
}

}  // namespace tutti
