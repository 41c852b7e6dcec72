// The kernels that run plans, and how they are launched: the interpreter, and the passes of the
// engine, one of each for every type; and its roll call.

#pragma once

#include <span>

#include "device/device.h"
#include "tutti/types.h"

namespace tutti::cuda {

struct EngineRollCall;
struct InterpretedCall;
struct LocalPass;

/// "tutti_interpret_float32", "tutti_pass_float32".
const char* interpreter_name(DataType type);
const char* pass_name(DataType type);

/// All names, for a device to load.
std::span<const char* const> plan_kernel_names();

struct LaunchSize {
  int blocks = 1;
  int threads = 1;
};
Status launch_interpreter(Device& device, const InterpretedCall& call, DataType type,
                          const LaunchSize& size, Stream stream);
Status launch_pass(Device& device, const LocalPass& pass, DataType type, int blocks, Stream stream);
Status launch_comparison(Device& device, const EngineRollCall& call, Stream stream);

}  // namespace tutti::cuda
