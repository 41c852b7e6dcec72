// ncclConfig_t, as far as it means something here.
//
// Tested by nccl_arguments_test.cc.

#pragma once

#include <string>

#include "tutti/nccl.h"
#include "tutti/status.h"

namespace tutti::nccl {

struct Settings {
  bool blocking = true;
  int most_blocks = 0;       // of kernels; 0: not said
  bool zero_blocks = false;  // where copies can do without kernels
  std::string name;          // for messages

  bool operator==(const Settings&) const = default;
};

/// What `config` says, and `inherited` where it says nothing; null says nothing. The structure may
/// be of an older or newer NCCL: fields beyond its size, or newer than its version, say nothing.
/// kInvalidArgument names the field that has no sense, also of those that are not used.
Result<Settings> read_config(const ncclConfig_t* config, const Settings& inherited);

}  // namespace tutti::nccl
