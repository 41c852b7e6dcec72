// Who takes part in the measurements of one collective, and on what memory.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/measure.h"

namespace tutti::cli {

/// What a field is made of; lives as long as the field.
struct FieldRequest {
  Session& session;
  const PerfOptions& options;
  const Options& library_options;
  VsLibrary* vs = nullptr;  // the library beside, or nullptr
  const std::vector<RankPlace>& places;
  GpuBench* gpu = nullptr;  // this rank's, where buffers are on GPUs
};

/// Entrants: Tutti, once for each algorithm that is forced on it; then the library beside, if any.
class Field {
 public:
  /// For problems of up to `bytes`. Collective; a failure is the same on all ranks.
  static Result<std::unique_ptr<Field>> make(const FieldRequest& request, Collective collective,
                                             std::size_t bytes);

  const std::vector<Entrant>& entrants() const { return entrants_; }

 private:
  Status enter_tutti(const FieldRequest& request, const std::string& algorithm, std::size_t area);
  Status enter_vs(const FieldRequest& request, std::size_t area);
  Status add_buffers(BufferMemory kind, Communicator& communicator, GpuBench* gpu,
                     std::size_t area);

  // In this order: contenders use communicators, buffers may come from them.
  std::vector<std::unique_ptr<Communicator>> communicators_;  // none when nothing is forced
  std::vector<std::unique_ptr<Buffers>> buffers_;
  std::vector<std::unique_ptr<Contender>> contenders_;
  std::vector<Entrant> entrants_;
};

}  // namespace tutti::cli
