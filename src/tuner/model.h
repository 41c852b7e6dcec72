// What a machine costs, as measured (fit.h) or as a first guess: the numbers behind every
// choice.
//
// A value, agreed on by all ranks of a communicator. Seconds, bytes.
//
// Tested by model_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "algorithms/group.h"
#include "simulator/machine.h"
#include "tutti/status.h"

namespace tutti {

struct Model {
  RankCosts rank;
  double crowd = 1;         // how many times longer a rank's own work takes where ranks share cores
  double meet = 0;          // of a call that asks all ranks where their buffers are
  double near_latency = 0;  // until a rank of the same host sees a signal
  WayCosts far;
  double host_port = 0;  // bytes per second between hosts, of a host one way; 0: unknown

  bool operator==(const Model&) const = default;
};

/// Typical ones: see typical.h. Between hosts TCP, by a link of 10 Gbit/s each.
Model default_model();

/// One number of a model.
struct ModelField {
  enum class Topic { kRank, kCrowd, kFar };  // ranks of a host, that share cores, of several hosts

  const char* name;  // "rank.read_user.cached"
  double* value;
  Topic topic = Topic::kRank;
};

/// All numbers, in a fixed order.
std::vector<ModelField> fields(Model& model);

/// Lines "name value", after a first line that says what it is.
std::string to_text(const Model& model);
/// kInvalidArgument names the line and what was expected. A number that is not given is that of
/// default_model().
Result<Model> parse_model(std::string_view text);

/// The costs of ranks whose own work takes `factor` times as long.
RankCosts slowed(RankCosts costs, double factor);

/// The group on a machine of this model, whose hosts have `cores` processors for them (0: enough).
Machine machine_of(const Model& model, const Group& group, int cores);

}  // namespace tutti
