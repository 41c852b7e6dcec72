// Another library beside ours, loaded when asked for (perf/vs/vs.h).

#pragma once

#include <memory>
#include <string>

#include "cli/launcher.h"
#include "perf/vs/vs.h"
#include "tutti/status.h"

namespace tutti::cli {

/// A library that runs, from load_vs() until destruction. Its rank is the launcher's.
class VsLibrary {
 public:
  explicit VsLibrary(const TuttiVsLibrary& functions) : functions_(functions) {}
  VsLibrary(const VsLibrary&) = delete;
  VsLibrary& operator=(const VsLibrary&) = delete;
  ~VsLibrary() { functions_.stop(); }

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  std::string name() const { return functions_.name(); }
  bool supports(const TuttiVsCall& call) const { return functions_.supports(&call) != 0; }
  Status run(const TuttiVsCall& call);
  Status share(void* bytes, std::size_t count);
  /// Collective.
  Status start();

 private:
  const TuttiVsLibrary& functions_;
  int rank_ = 0;
  int ranks_ = 0;
};

/// Loads and starts the MPI whose launcher started this process. Collective over its ranks. The
/// shared object stays loaded: MPI libraries do not survive being unloaded.
Result<std::unique_ptr<VsLibrary>> load_vs_mpi(LauncherKind launcher);

}  // namespace tutti::cli
