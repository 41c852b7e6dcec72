// What started this process, and how its ranks meet then.
//
//   mpirun (Open MPI), srun --mpi=pmix   PMIX_RANK is set: rank 0 makes a unique id and publishes
//   it
//                                        through PMIx, the others look it up there
//   torchrun, or its convention          WORLD_SIZE is set: RANK, MASTER_ADDR and MASTER_PORT say
//                                        where rank 0 listens
//   nothing                              a single rank
//
// Under torchrun nothing can be told to the other ranks beforehand, so all of them compute the id:
// rank 0 listens on MASTER_PORT, or on MASTER_PORT + 1 when torchrun's own store has the first
// (TORCHELASTIC_USE_AGENT_STORE=True); the secret is a hash of TORCHELASTIC_RUN_ID, MASTER_ADDR and
// MASTER_PORT. That is weak: who knows or guesses these can join. Give torchrun an --rdzv-id that
// cannot be guessed where strangers can reach the port.
//
// The environment is a value here, so that tests can make one up. Tested by launch_test.cc.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bootstrap/bootstrap.h"
#include "tutti/unique_id.h"

namespace tutti {

/// The value of a variable, if it is set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

enum class Launcher { kNone, kPmix, kTorchrun };
/// "no launcher", "PMIx", "torchrun"
std::string_view name(Launcher launcher);

/// What the launcher says.
struct LauncherFacts {
  Launcher kind = Launcher::kNone;
  int rank = 0;
  int ranks = 1;           // 0 under PMIx until connect_launched() has asked
  int local_rank = 0;      // among the ranks of this host; -1 when it is not said
  int local_ranks = 1;     // -1 when it is not said
  std::string name_space;  // PMIx's name of the job; torchrun's run id

  // torchrun
  std::string master_host;
  int master_port = 0;
  bool agent_store = false;
};

/// kInvalidArgument names a variable, its value and what was expected. kNotSupported for launchers
/// that give ranks no way to meet (srun without PMIx, MPICH's mpiexec): it says what to do.
Result<LauncherFacts> detect_launcher(const Environment& environment);

struct Launched {
  LauncherFacts facts;  // complete
  std::unique_ptr<Bootstrap> bootstrap;
};

/// Meets the ranks that the same launcher started. Collective. May be called again, for another
/// start of the same ranks, once it has answered on all of them.
/// Errors as connect_bootstrap(); kNotSupported when PMIx is needed, and was missing when Tutti was
/// built, or is missing here. `options.port` is not used under torchrun.
Result<Launched> connect_launched(const LauncherFacts& facts, Deadline deadline,
                                  const BootstrapOptions& options = {});

}  // namespace tutti
