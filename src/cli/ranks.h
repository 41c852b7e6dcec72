// Runs something on ranks: those of the launcher, or threads of this process where there is none.

#pragma once

#include <functional>
#include <string_view>

#include "cli/session.h"

namespace tutti::cli {

/// Ranks that are threads. The exit status: the worst of all.
int run_on_threads(std::string_view command, int ranks, const Options& options,
                   const std::function<int(Session&)>& run);

/// The exit status: the worst of all ranks'. `threads`: how many without a launcher. `command`
/// begins what is said about a start that fails.
int run_on_ranks(std::string_view command, int threads, const Options& options,
                 const std::function<int(Session&)>& run);

}  // namespace tutti::cli
