// What a machine costs, as measured (calibrate.h) or as a first guess: the numbers behind every
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
  double meet = 0;          // of a call that asks all ranks where their buffers are
  double near_latency = 0;  // until a rank of the same host sees a signal
  WayCosts far;
  double host_port = 0;  // bytes per second between hosts, of a host one way; 0: unknown

  bool operator==(const Model&) const = default;
};

/// A processor of the years after 2018 with its ranks on cores of their own, and TCP between hosts
/// by a link of 10 Gbit/s each.
Model default_model();

/// One number of a model.
struct ModelField {
  const char* name;  // "rank.read_user.cached"
  double* value;
};

/// All numbers, in a fixed order.
std::vector<ModelField> fields(Model& model);

/// Lines "name value", after a first line that says what it is.
std::string to_text(const Model& model);
/// kInvalidArgument names the line and what was expected. A number that is not given is that of
/// default_model().
Result<Model> parse_model(std::string_view text);

/// The group on a machine of this model, whose hosts have `cores` processors for them (0: enough).
Machine machine_of(const Model& model, const Group& group, int cores);

}  // namespace tutti
