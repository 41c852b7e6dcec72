#include "fitting.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace playbook {
namespace {

constexpr int kTrials = 4000;
constexpr double kKnee = 0.3;  // from here on a miss counts less
constexpr double kSlope = 0.2;

struct Field {
  const char* name;
  double Efficiency::*value;
  double most;
  bool fitted = true;
};

constexpr Field kFields[] = {
    {"products", &Efficiency::products, 1},      {"half_tokens", &Efficiency::half_tokens, 1e9},
    {"memory", &Efficiency::memory, 1},          {"kernel", &Efficiency::kernel, 1},
    {"progress", &Efficiency::progress, 1},      {"inside", &Efficiency::inside, 1},
    {"between", &Efficiency::between, 1, false}, {"contention", &Efficiency::contention, 2},
    {"overlap", &Efficiency::overlap, 1},        {"step", &Efficiency::step, 10}};

// Where the search begins: what such things usually are.
constexpr Efficiency kGuess{.products = 0.6,
                            .half_tokens = 300,
                            .memory = 0.7,
                            .kernel = 20e-6,
                            .progress = 100e-6,
                            .inside = 0.8,
                            .between = 0.9,
                            .contention = 0.2,
                            .overlap = 0.5,
                            .step = 0.05};

double badness(const std::vector<MeasuredLayout>& rows, const Efficiency& efficiency) {
  double sum = 0;
  for (const MeasuredLayout& row : rows) {
    const double predicted = estimate_with(row, efficiency).tokens_per_second / row.ranks();
    const double off = std::abs(std::log(predicted / row.tokens));
    sum += off < kKnee ? off : kKnee + kSlope * (off - kKnee);
  }
  return sum;
}

// Numbers from -1 to 1 (Knuth's MMIX generator).
class Sequence {
 public:
  double next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state_ >> 33) / (1u << 30) - 1;
  }

 private:
  std::uint64_t state_ = 1;
};

// Every second trial moves one constant only.
Efficiency moved(const Efficiency& from, double size, int trial, Sequence& sequence) {
  Efficiency to = from;
  const int count = static_cast<int>(std::size(kFields));
  const int only = trial % 2 == 0 ? -1 : trial / 2 % count;
  for (int i = 0; i < count; ++i) {
    const double step = std::exp(size * sequence.next());
    const Field& field = kFields[i];
    if (!field.fitted || (only >= 0 && only != i)) continue;
    to.*field.value = std::min(field.most, to.*field.value * step);
  }
  return to;
}

}  // namespace

Efficiency fitted(const std::vector<MeasuredLayout>& rows) {
  std::vector<MeasuredLayout> half;
  for (const MeasuredLayout& row : rows) {
    if (row.calibrates && row.in_bar()) half.push_back(row);
  }
  Sequence sequence;
  Efficiency best = kGuess;
  double least = badness(half, best);
  double size = 0.5;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Efficiency other = moved(best, size, trial, sequence);
    const double bad = badness(half, other);
    size = bad < least ? std::min(0.7, size * 1.3) : std::max(0.01, size * 0.985);
    if (bad >= least) continue;
    least = bad;
    best = other;
  }
  return best;
}

std::vector<Constant> constants(const Efficiency& efficiency) {
  std::vector<Constant> all;
  for (const Field& field : kFields) {
    all.push_back({field.name, efficiency.*field.value, field.fitted});
  }
  return all;
}

}  // namespace playbook
