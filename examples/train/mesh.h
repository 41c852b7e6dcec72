// How ranks are arranged: data (DP), pipeline (PP), context (CP) and tensor (TP) dimensions. A
// value.
//
// Ranks that differ in one coordinate only form a group of that dimension. The last dimension of
// the order is the innermost: its groups are neighbours, and want the fastest links.
//
// Tested by train_mesh_test.cc.

#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tutti/status.h"

namespace tutti::train {

enum class Dimension { kData, kPipeline, kContext, kTensor };
inline constexpr int kDimensions = 4;

/// "dp", "pp", "cp", "tp".
std::string_view name(Dimension dimension);

/// A coordinate in each dimension.
using Place = std::array<int, kDimensions>;

struct Mesh {
  std::array<int, kDimensions> sizes = {1, 1, 1, 1};  // by Dimension
  std::array<Dimension, kDimensions> order = {Dimension::kData, Dimension::kPipeline,
                                              Dimension::kContext, Dimension::kTensor};

  int size(Dimension dimension) const { return sizes[static_cast<int>(dimension)]; }
  int dp() const { return size(Dimension::kData); }
  int pp() const { return size(Dimension::kPipeline); }
  int cp() const { return size(Dimension::kContext); }
  int tp() const { return size(Dimension::kTensor); }
  int ranks() const { return dp() * pp() * cp() * tp(); }

  Place place_of(int rank) const;
  int rank_at(const Place& place) const;

  bool operator==(const Mesh&) const = default;
};

/// "dp=2,tp=2": dimensions that are not named are 1. `ranks`: how many there are; one dimension may
/// be left to it ("dp=*"). kInvalidArgument says what would fit.
Result<Mesh> parse_mesh(std::string_view text, int ranks);
/// "dp=2,pp=1,cp=1,tp=2", whatever the order.
std::string to_text(const Mesh& mesh);

/// "pp,dp,cp,tp": all dimensions, from the outermost to the innermost. kInvalidArgument names the
/// text.
Result<Mesh> with_order(const Mesh& mesh, std::string_view text);
std::string order_text(const Mesh& mesh);

/// The ranks as a picture in text, a block a data-parallel replica:
///
///   dp 0           tp 0   tp 1
///    pp 0  cp 0      0      1
///    pp 1  cp 0      2      3
std::string draw(const Mesh& mesh);

}  // namespace tutti::train
