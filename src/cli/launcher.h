// Who started this process, from the variables that launchers set.

#pragma once

namespace tutti::cli {

enum class LauncherKind {
  kNone,
  kOpenMpi,  // mpirun of Open MPI
  kMpich,    // mpiexec of MPICH (Hydra): PMI-1, which Tutti does not speak
  kOther,    // srun, torchrun, another that Tutti knows
};

struct Launcher {
  LauncherKind kind = LauncherKind::kNone;
  int rank = 0;  // 0 without a launcher
};

Launcher find_launcher();

}  // namespace tutti::cli
