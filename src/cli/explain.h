// `tutti explain`: the candidates for a call, predicted and measured, and which one runs.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// The exit status.
int explain_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
