// The paths between the parts of a machine, as `nvidia-smi topo -m` shows them: a table with a
// legend. Tested by cli_topo_test.cc.

#pragma once

#include <string>

#include "cli/topo_options.h"
#include "tutti/topology.h"

namespace tutti::cli {

/// Of more places than these there is no table in a summary, and not even on request.
inline constexpr std::size_t kFewPlaces = 32;
inline constexpr std::size_t kMostPlaces = 1024;

/// How many places a topology has, without looking at the paths between them.
std::size_t count_places(const Topology& topology);

/// A row and a column for every place; the ranks at the end of rows, where there are any.
std::string matrix_table(const PathMatrix& matrix, const Topology& topology);

/// The types that occur, what they mean, and their bandwidth.
std::string matrix_legend(const PathMatrix& matrix);

/// Table and legend; of large topologies the tables of one host of each kind, and what is between
/// hosts.
std::string paths_text(const Topology& topology, MatrixSize size);

}  // namespace tutti::cli
