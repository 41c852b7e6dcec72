// Lists of collectives, types and reductions as a command line names them: "float,half" or "all".

#pragma once

#include <string>
#include <vector>

#include "tutti/status.h"
#include "tutti/types.h"

namespace tutti::cli {

/// Errors list the names there are. Collectives may be spelled as nccl-tests does (alltoall).
Result<std::vector<Collective>> parse_collectives(const std::string& text);
Result<std::vector<DataType>> parse_data_types(const std::string& option, const std::string& text);
Result<std::vector<Reduction>> parse_reductions(const std::string& option, const std::string& text);

}  // namespace tutti::cli
