#include "train/mesh.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace tutti::train {
namespace {

constexpr std::string_view kForm = "expected sizes such as dp=2,pp=1,cp=1,tp=2";

std::optional<Dimension> dimension_named(std::string_view text) {
  for (int i = 0; i < kDimensions; ++i) {
    if (name(static_cast<Dimension>(i)) == text) return static_cast<Dimension>(i);
  }
  return std::nullopt;
}

Status bad(std::string_view text, const std::string& expected) {
  return {Code::kInvalidArgument, "mesh \"" + std::string(text) + "\": " + expected};
}

// One "dp=2"; a size of 0 stands for "*".
Status read_entry(std::string_view text, std::string_view entry, Mesh& mesh, unsigned& seen) {
  const std::size_t equals = entry.find('=');
  const auto dimension = dimension_named(entry.substr(0, equals));
  if (!dimension || equals == std::string_view::npos) return bad(text, std::string(kForm));
  const std::string_view number = entry.substr(equals + 1);
  int size = 0;
  const char* const end = number.data() + number.size();
  const auto read = std::from_chars(number.data(), end, size);
  if (number != "*" && (read.ec != std::errc() || read.ptr != end || size < 1)) {
    return bad(text, std::string(entry) + ": expected a positive number or *");
  }
  const unsigned bit = 1u << static_cast<int>(*dimension);
  if (seen & bit) return bad(text, std::string(name(*dimension)) + " is given twice");
  seen |= bit;
  mesh.sizes[static_cast<int>(*dimension)] = size;
  return {};
}

// Gives what is left to the dimension of size 0.
Status share_out(std::string_view text, int ranks, Mesh& mesh) {
  int known = 1;
  for (const int size : mesh.sizes) known *= std::max(size, 1);
  const auto open = std::count(mesh.sizes.begin(), mesh.sizes.end(), 0);
  if (open > 1) return bad(text, "expected at most one *");
  if (open == 1 && ranks % known == 0) {
    *std::find(mesh.sizes.begin(), mesh.sizes.end(), 0) = ranks / known;
    known = ranks;
  }
  if (known == ranks) return {};
  return bad(text, std::to_string(known) + " ranks, of which there are " + std::to_string(ranks) +
                       "; expected sizes whose product is " + std::to_string(ranks));
}

}  // namespace

std::string_view name(Dimension dimension) {
  switch (dimension) {
    case Dimension::kData:
      return "dp";
    case Dimension::kPipeline:
      return "pp";
    case Dimension::kContext:
      return "cp";
    case Dimension::kTensor:
      return "tp";
  }
  return "";
}

Place Mesh::place_of(int rank) const {
  Place place = {};
  for (int i = kDimensions - 1; i >= 0; --i) {
    const int dimension = static_cast<int>(order[i]);
    place[dimension] = rank % sizes[dimension];
    rank /= sizes[dimension];
  }
  return place;
}

int Mesh::rank_at(const Place& place) const {
  int rank = 0;
  for (const Dimension dimension : order) {
    rank = rank * size(dimension) + place[static_cast<int>(dimension)];
  }
  return rank;
}

Result<Mesh> parse_mesh(std::string_view text, int ranks) {
  Mesh mesh;
  unsigned seen = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    if (const Status status = read_entry(text, rest.substr(0, comma), mesh, seen); !status.ok()) {
      return status;
    }
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  if (const Status status = share_out(text, ranks, mesh); !status.ok()) return status;
  return mesh;
}

std::string to_text(const Mesh& mesh) {
  std::string text;
  for (const Dimension dimension : Mesh().order) {
    if (!text.empty()) text += ',';
    text += std::string(name(dimension)) + "=" + std::to_string(mesh.size(dimension));
  }
  return text;
}

Result<Mesh> with_order(const Mesh& mesh, std::string_view text) {
  const Status refusal(Code::kInvalidArgument,
                       "order \"" + std::string(text) + "\": expected dp, pp, cp and tp once each");
  Mesh ordered = mesh;
  unsigned seen = 0;
  for (Dimension& place : ordered.order) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto dimension = dimension_named(text.substr(0, comma));
    const bool is_last = &place == &ordered.order.back();
    if (!dimension || is_last != (comma == text.size())) return refusal;
    place = *dimension;
    seen |= 1u << static_cast<int>(*dimension);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (seen != (1u << kDimensions) - 1) return refusal;
  return ordered;
}

std::string order_text(const Mesh& mesh) {
  std::string text;
  for (const Dimension dimension : mesh.order) {
    text.append(text.empty() ? "" : ",").append(name(dimension));
  }
  return text;
}

std::string draw(const Mesh& mesh) {
  const auto padded = [](std::string text, std::size_t width) {
    text.insert(0, width > text.size() ? width - text.size() : 0, ' ');
    return text;
  };
  constexpr std::size_t kColumn = 7;
  std::string picture;
  for (int dp = 0; dp < mesh.dp(); ++dp) {
    picture += padded("dp " + std::to_string(dp), 5) + std::string(8, ' ');
    for (int tp = 0; tp < mesh.tp(); ++tp) picture += padded("tp " + std::to_string(tp), kColumn);
    picture += '\n';
    for (int pp = 0; pp < mesh.pp(); ++pp) {
      for (int cp = 0; cp < mesh.cp(); ++cp) {
        picture += "  pp " + std::to_string(pp) + "  cp " + std::to_string(cp);
        for (int tp = 0; tp < mesh.tp(); ++tp) {
          picture += padded(std::to_string(mesh.rank_at({dp, pp, cp, tp})), kColumn);
        }
        picture += '\n';
      }
    }
  }
  return picture;
}

}  // namespace tutti::train
