#include "train/kernels/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tutti::train {
namespace {

// Llama 3.1: slow turns are slowed further, fast ones kept, those between interpolated.
double llama3(const RopeConfig& config, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double turns = static_cast<double>(config.original_positions) / wavelength;
  const double low = config.low_frequency_factor;
  const double high = config.high_frequency_factor;
  const double share = std::clamp((turns - low) / (high - low), 0.0, 1.0);
  return (1 - share) * frequency / config.factor + share * frequency;
}

// NTK-aware: the base grows with the length beyond the original one.
double dynamic_theta(const RopeConfig& config, long head_width, long positions) {
  const double longer = static_cast<double>(std::max(positions, config.original_positions)) /
                        static_cast<double>(config.original_positions);
  const double growth = config.factor * longer - (config.factor - 1);
  const double power = static_cast<double>(head_width) / static_cast<double>(head_width - 2);
  return config.theta * std::pow(growth, power);
}

}  // namespace

std::vector<double> rope_frequencies(const RopeConfig& config, long head_width, long positions) {
  const double theta =
      config.type == "dynamic" ? dynamic_theta(config, head_width, positions) : config.theta;
  std::vector<double> frequencies;
  for (long i = 0; i < head_width / 2; ++i) {
    double frequency =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_width));
    if (config.type == "linear") frequency /= config.factor;
    if (config.type == "llama3") frequency = llama3(config, frequency);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

template <class T>
RopeTable<T> RopeTable<T>::make(const std::vector<double>& frequencies, long positions) {
  RopeTable table;
  table.half = static_cast<long>(frequencies.size());
  std::vector<Host<T>> cosines, sines;
  for (long position = 0; position < positions; ++position) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      cosines.push_back(static_cast<Host<T>>(std::cos(angle)));
      sines.push_back(static_cast<Host<T>>(std::sin(angle)));
    }
  }
  upload<Precise<T>>(cosines, table.cosines);
  upload<Precise<T>>(sines, table.sines);
  return table;
}

namespace {

template <class T>
void rotate_token(long half, const T* cosines, const T* sines, T sign, long heads, T* token) {
  for (long head = 0; head < heads; ++head, token += 2 * half) {
    for (long i = 0; i < half; ++i) {
      const T a = token[i];
      const T b = token[half + i];
      token[i] = a * cosines[i] - b * sines[i] * sign;
      token[half + i] = b * cosines[i] + a * sines[i] * sign;
    }
  }
}

}  // namespace

template <class T>
void rotate(const RopeTable<T>& table, const Turned& turned, int direction, T* tokens) {
  for (long t = 0; t < turned.count; ++t) {
    const long at = (turned.position + t) * table.half;
    rotate_token(table.half, &table.cosines[at], &table.sines[at], static_cast<T>(direction),
                 turned.heads, tokens + t * turned.stride);
  }
}

template struct RopeTable<float>;
template struct RopeTable<double>;
template struct RopeTable<OnDevice<float>>;
template struct RopeTable<OnDevice<Bf16>>;
template void rotate(const RopeTable<float>&, const Turned&, int, float*);
template void rotate(const RopeTable<double>&, const Turned&, int, double*);

}  // namespace tutti::train
