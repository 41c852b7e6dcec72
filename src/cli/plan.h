// `tutti plan`: the best layout of a model's training, or of its inference, on a machine, and why.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// The exit status.
int plan_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
