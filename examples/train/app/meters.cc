#include "train/app/meters.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "train/array.h"
#include "train/kernels/blas.h"
#include "train/kernels/device/multiply.h"

namespace tutti::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::optional<std::uint64_t> read_number(const std::string& file) {
  std::ifstream in(file);
  std::uint64_t number = 0;
  if (in >> number) return number;
  return std::nullopt;
}

// Of `work`, a second, at best.
template <class Function>
double best_of(double work, double seconds, Function once) {
  double best = 0;
  const Clock::time_point begin = Clock::now();
  do {
    const Clock::time_point start = Clock::now();
    once();
    best = std::max(best, work / seconds_since(start));
  } while (seconds_since(begin) < seconds);
  return best;
}

}  // namespace

template <class T>
double measure_peak(long size, double seconds) {
  const auto elements = static_cast<std::size_t>(size * size);
  const std::vector<T> a(elements, T{1} / 3);
  const std::vector<T> b(elements, T{2} / 3);
  std::vector<T> c(elements);
  const auto once = [&] {
    multiply(size, size, size, T{1}, {a.data(), size}, {b.data(), size}, T{0}, {c.data(), size});
  };
  return best_of(2 * static_cast<double>(elements * size), seconds, once);
}

// On a device, which is given several products at a time.
template <class S>
double measure_device_peak(long size, double seconds) {
  const auto elements = static_cast<std::size_t>(size * size);
  Array<OnDevice<S>> a(elements), b(elements), c(elements);
  a.clear();
  b.clear();
  constexpr int kTimes = 8;
  const auto some = [&] {
    for (int i = 0; i < kTimes; ++i) {
      multiply(size, size, size, 1, Matrix<const OnDevice<S>>{a.data(), size},
               Matrix<const OnDevice<S>>{b.data(), size}, 0, Matrix{c.data(), size});
    }
    accelerator().synchronize();
  };
  some();
  return best_of(2.0 * kTimes * static_cast<double>(elements * size), seconds, some);
}
template <>
double measure_peak<OnDevice<float>>(long size, double seconds) {
  return measure_device_peak<float>(size, seconds);
}
template <>
double measure_peak<OnDevice<Bf16>>(long size, double seconds) {
  return measure_device_peak<Bf16>(size, seconds);
}

template double measure_peak<float>(long, double);
template double measure_peak<double>(long, double);

double share_of_rank(const Formation& formation, int rank, int parts) {
  if (parts == 0) return 1;
  const int host = formation.host_of[rank];
  const auto ranks = std::count(formation.host_of.begin(), formation.host_of.end(), host);
  return std::min(1.0, static_cast<double>(parts) / static_cast<double>(ranks));
}

double resident_bytes(const std::string& status_file) {
  std::ifstream in(status_file);
  for (std::string word; in >> word;) {
    double kibibytes = 0;
    if (word == "VmRSS:" && in >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

// Packages are "intel-rapl:0", "intel-rapl:1" …; what has two colons is a part of one.
EnergyMeter::EnergyMeter(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("intel-rapl:") || std::count(name.begin(), name.end(), ':') != 1)
      continue;
    const std::string file = entry.path().string() + "/energy_uj";
    const auto now = read_number(file);
    const auto most = read_number(entry.path().string() + "/max_energy_range_uj");
    if (now && most) packages_.push_back({file, *most, *now});
  }
}

std::optional<double> EnergyMeter::take_joules() {
  if (!works()) return std::nullopt;
  double joules = 0;
  for (Package& package : packages_) {
    const std::uint64_t now = read_number(package.file).value_or(package.last);
    const std::uint64_t used =
        now >= package.last ? now - package.last : package.wraps_at - package.last + now;
    package.last = now;
    joules += static_cast<double>(used) * 1e-6;
  }
  return joules;
}

}  // namespace tutti::train
