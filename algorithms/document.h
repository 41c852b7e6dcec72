// docs/algorithms.md, made from the catalog.

#pragma once

#include <string>

namespace tutti {

/// The whole page: for each algorithm its summary, paper, properties, and what it costs.
std::string document_catalog();

}  // namespace tutti
