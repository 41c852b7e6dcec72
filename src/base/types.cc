#include "tutti/types.h"

#include <array>

namespace tutti {
namespace {

struct TypeFacts {
  std::string_view name;
  bool is_float;
};

// In the order of the enumerations; names of types and reductions as nccl-tests prints them.
constexpr std::array<TypeFacts, kDataTypes> kTypes = {{
    {"int8", false},
    {"uint8", false},
    {"int32", false},
    {"uint32", false},
    {"int64", false},
    {"uint64", false},
    {"half", true},
    {"float", true},
    {"double", true},
    {"bfloat16", true},
    {"f8e4m3", true},
    {"f8e5m2", true},
    {"int16", false},
    {"uint16", false},
}};

constexpr std::array<std::string_view, kCollectives> kCollectiveNames = {
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "reduce",
    "gather",     "scatter",    "barrier",        "send_recv",  "scan",      "exclusive_scan"};

constexpr std::array<std::string_view, kReductions> kReductionNames = {
    "sum", "prod", "max",  "min", "avg",  "mulsum", "band",
    "bor", "bxor", "land", "lor", "lxor", "user"};

template <class Enum, std::size_t n>
std::optional<Enum> find(const std::array<std::string_view, n>& names, std::string_view text) {
  for (std::size_t i = 0; i < n; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

bool is_float(DataType type) { return kTypes[static_cast<std::size_t>(type)].is_float; }

std::string_view name(Collective collective) {
  return kCollectiveNames[static_cast<std::size_t>(collective)];
}
std::string_view name(DataType type) { return kTypes[static_cast<std::size_t>(type)].name; }
std::string_view name(Reduction reduction) {
  return kReductionNames[static_cast<std::size_t>(reduction)];
}

std::optional<Collective> parse_collective(std::string_view text) {
  return find<Collective>(kCollectiveNames, text);
}

std::optional<DataType> parse_data_type(std::string_view text) {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == text) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

std::optional<Reduction> parse_reduction(std::string_view text) {
  return find<Reduction>(kReductionNames, text);
}

}  // namespace tutti
