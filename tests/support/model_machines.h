// The model machines below tests/topologies.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

inline std::filesystem::path models_folder() {
  return std::filesystem::path(TUTTI_TESTS) / "topologies";
}

inline std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(models_folder())) {
    if (entry.path().extension() == ".xml") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline Topology model(const std::string& name) {
  const auto read = read_topology_file((models_folder() / (name + ".xml")).string());
  if (!read.ok()) ADD_FAILURE() << read.status().message();
  return read.ok() ? read->topology : Topology{};
}

}  // namespace tutti
