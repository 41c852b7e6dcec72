#include "layouts.h"

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace playbook {
namespace {

enum Column {
  kModel,
  kGpus,
  kDp,
  kTp,
  kPp,
  kZero,
  kMicroBatch,
  kBatch,
  kSequence,
  kTokens,
  kMemory
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');) cells.push_back(cell);
  cells.resize(kMemory + 1);
  return cells;
}

// FNV-1a, its halves folded: the lowest bit of FNV alone only counts odd characters.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash ^ (hash >> 32);
}

// "nanotron-llama-8B" is the preset "nanotron-8b".
std::string preset_of(const std::string& model) {
  std::string name = "nanotron" + model.substr(model.rfind('-'));
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  return name;
}

// PyTorch keeps what operations read; gradients are in two bytes, and added up in four; the
// optimizer's shards are neither scattered nor gathered while anything is computed.
constexpr Trainer kNanotron{.split = StageSplit::kBalanced,
                            .logit_tokens = 0,
                            .gradient_bytes = 6,
                            .autograd = true,
                            .hides_shards = false,
                            .bucket_bytes = 25e6};

MeasuredLayout layout_of(const std::string& line) {
  const std::vector<std::string> cells = cells_of(line);
  const auto number = [&](Column column) { return std::atoi(cells[column].c_str()); };
  MeasuredLayout row;
  row.problem.model = *model_preset(preset_of(cells[kModel]));
  row.problem.machine = *machine_preset("8xh100");
  row.problem.machine.nodes = number(kGpus) / row.problem.machine.devices;
  row.problem.job.sequence = number(kSequence);
  row.problem.job.batch_tokens = row.problem.job.sequence * number(kBatch);
  row.problem.job.trainer = kNanotron;
  row.layout = {
      .dp = number(kDp),
      .pp = number(kPp),
      .tp = number(kTp),
      .micro_batch = number(kMicroBatch),
      .zero = number(kZero),
      .order = {Dimension::kPipeline, Dimension::kData, Dimension::kContext, Dimension::kTensor}};
  row.tokens = std::atof(cells[kTokens].c_str());
  row.memory = std::atof(cells[kMemory].c_str()) * (1 << 30);
  row.calibrates = hash_of(line) % 2 == 0;
  return row;
}

}  // namespace

std::vector<MeasuredLayout> read_layouts(const std::string& path) {
  std::ifstream file(path);
  std::vector<MeasuredLayout> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) rows.push_back(layout_of(line));
  return rows;
}

Estimate estimate_with(const MeasuredLayout& row, const Efficiency& efficiency) {
  Problem problem = row.problem;
  problem.machine.efficiency = efficiency;
  const auto found = estimate(problem, row.layout);
  if (found.ok()) return *found;
  std::fprintf(stderr, "%s: %s\n", row.group().c_str(), found.status().message().c_str());
  std::exit(1);
}

}  // namespace playbook
