// ncclGroupSimulateEnd(): what a group would take, as the tuner predicts it.
//
// Tested by nccl_test.cc.

#include <algorithm>

#include "nccl/errors.h"
#include "nccl/function.h"
#include "nccl/group.h"
#include "tutti/tuning.h"

namespace tutti::nccl {
namespace {

AskedCall asked(const Call& call, const Comm& comm) {
  Formation formation = comm.formation();
  if (call.collective == Collective::kSendRecv) {
    formation.host_of = {formation.host_of[comm.rank()], formation.host_of[call.peer]};
  }
  return {.collective = call.collective,
          .type = call.sends ? call.input.type : call.output.type,
          .bytes = std::max(call.input.bytes(), call.output.bytes()),
          .host_of = formation.host_of,
          .cores = formation.cores,
          .in_place = call.input.data == call.output.data};
}

Result<double> seconds_of(const CheckedCall& checked, const Calibration& calibration,
                          const Options& options) {
  if (checked.comm->is_on_device()) {
    return {Code::kNotSupported, "calls on memory of a GPU are not predicted: expected the host's"};
  }
  const auto best = candidates(asked(checked.call, *checked.comm), calibration, options);
  if (!best.ok()) return best.status();
  if (!best->empty() && best->front().objection.empty()) return best->front().seconds;
  return {Code::kNotSupported, std::string(name(checked.call.collective)) + " is not predicted"};
}

}  // namespace

Result<double> estimate_seconds(const std::vector<CheckedCall>& calls) {
  const Result<Options> options = Options::from_environment();
  if (!options.ok()) return options.status();
  const Result<Calibration> calibration = load_calibration(*options);
  if (!calibration.ok()) return calibration.status();
  double sum = 0;
  for (const CheckedCall& checked : calls) {
    const Result<double> seconds = seconds_of(checked, *calibration, *options);
    if (!seconds.ok()) return seconds.status();
    sum += *seconds;
  }
  return sum;
}

}  // namespace tutti::nccl

using namespace tutti;
using namespace tutti::nccl;

NCCL_FUNCTION(ncclResult_t, ncclGroupSimulateEnd, (ncclSimInfo_t * simInfo)) {
  constexpr ncclSimInfo_t kInitial = NCCL_SIM_INFO_INITIALIZER;
  float microseconds = simInfo == nullptr ? 0 : simInfo->estimatedTime;
  Status status = group().simulate(microseconds);  // ends the group in any case
  if (status.ok() && simInfo != nullptr && simInfo->magic != kInitial.magic) {
    status = {Code::kInvalidArgument,
              "simInfo->magic is wrong: expected a structure that NCCL_SIM_INFO_INITIALIZER made"};
  }
  if (status.ok() && simInfo != nullptr) simInfo->estimatedTime = microseconds;
  return answer("ncclGroupSimulateEnd", status);
}
