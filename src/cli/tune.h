// `tutti tune`: measures the machine and keeps what it costs.

#pragma once

#include <string>
#include <vector>

namespace tutti::cli {

/// The exit status.
int tune_main(std::vector<std::string> arguments);

}  // namespace tutti::cli
