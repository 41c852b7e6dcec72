// Small files that settings name.

#pragma once

#include <string>
#include <string_view>

#include "tutti/status.h"

namespace tutti {

/// The whole file; kInvalidArgument begins with `what` it is and names it.
Result<std::string> read_file(const std::string& path, std::string_view what);

}  // namespace tutti
