// The command's one look at the environment; the library has its own (src/communicator/options.cc).
//
// Tested by cli_command_test.py.

#include "cli/launcher.h"

#include <cstdlib>

namespace tutti::cli {
namespace {

bool has(const char* variable) { return std::getenv(variable) != nullptr; }

int number(const char* variable) { return std::atoi(std::getenv(variable)); }

}  // namespace

Launcher find_launcher() {
  if (has("OMPI_COMM_WORLD_RANK")) return {LauncherKind::kOpenMpi, number("OMPI_COMM_WORLD_RANK")};
  if (has("PMIX_RANK")) return {LauncherKind::kOther, number("PMIX_RANK")};
  if (has("PMI_RANK") && has("PMI_FD")) return {LauncherKind::kMpich, number("PMI_RANK")};
  if (has("SLURM_PROCID")) return {LauncherKind::kOther, number("SLURM_PROCID")};
  if (has("RANK") && has("WORLD_SIZE")) return {LauncherKind::kOther, number("RANK")};
  return {};
}

}  // namespace tutti::cli
