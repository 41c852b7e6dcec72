#include "executor/cuda/device_plans.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

#include "executor/cuda/buffers.h"
#include "executor/cuda/choose_path.h"
#include "executor/cuda/pinned_memory.h"

namespace tutti::cuda {
namespace {

constexpr std::size_t kUploadBytes = std::size_t{64} << 10;
constexpr std::chrono::milliseconds kUploadTimeout{30'000};

// Steps and operands of a program, one behind the other.
template <class T>
std::size_t append(std::vector<std::byte>& image, const std::vector<T>& values) {
  static_assert(alignof(T) <= 8);
  const std::size_t at = (image.size() + 7) / 8 * 8;
  image.resize(at + values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(image.data() + at, values.data(), values.size() * sizeof(T));
  return at;
}

// Through memory that the device reaches, a part at a time.
Status copy_to_device(Device& device, std::byte* target, const std::vector<std::byte>& image) {
  using Part = std::array<std::byte, kUploadBytes>;
  Result<PinnedMemory<Part>> pinned = PinnedMemory<Part>::make(device);
  if (!pinned.ok()) return pinned.status();
  const Result<Stream> stream = device.make_stream();
  if (!stream.ok()) return stream.status();
  Status status;
  for (std::size_t at = 0; at < image.size() && status.ok(); at += kUploadBytes) {
    const std::size_t bytes = std::min(kUploadBytes, image.size() - at);
    std::memcpy(pinned->host()->data(), image.data() + at, bytes);
    status = device.copy(*stream, target + at, pinned->on_device()->data(), bytes);
    if (status.ok()) status = device.synchronize(*stream, kUploadTimeout);
  }
  device.end_stream(*stream);
  return status;
}

}  // namespace

Result<DevicePlans> DevicePlans::make(Device& device, const Wanted& wanted) {
  DevicePlans plans(device);
  for (int c = 0; c < kCollectives; ++c) {
    const Collective collective = static_cast<Collective>(c);
    if (collective == Collective::kSendRecv || is_scan(collective)) continue;
    const int roots = has_root(collective) ? wanted.ranks : 1;
    for (int root = 0; root < roots; ++root) {
      for (const bool in_place : {false, true}) {
        if (in_place && collective != Collective::kAllToAll) continue;
        if (Status s = plans.add(wanted, collective, root, in_place); !s.ok()) return s;
      }
    }
  }
  const auto is_forced = [&](const auto& plan) {
    return plan.second.algorithm == wanted.algorithm;
  };
  if (!wanted.algorithm.empty() &&
      std::none_of(plans.plans_.begin(), plans.plans_.end(), is_forced)) {
    return {Code::kInvalidArgument, "algorithm " + wanted.algorithm + ": no collective of " +
                                        std::to_string(wanted.ranks) + " ranks has it"};
  }
  if (Status s = plans.upload(device); !s.ok()) return s;
  return plans;
}

Status DevicePlans::add(const Wanted& wanted, Collective collective, int root, bool in_place) {
  std::string algorithm = wanted.algorithm;
  std::optional<Schedule> schedule;
  if (!algorithm.empty()) schedule = wanted.find_schedule(collective, algorithm, root);
  // Algorithms of all_to_all are made for one case or the other.
  const bool fits = !in_place || algorithm == "staged";
  if (!schedule.has_value() || !fits) {
    if (!wanted.usual_too) return {};
    algorithm = usual_algorithm(collective, in_place);
    schedule = wanted.find_schedule(collective, algorithm, root);
  }
  if (!schedule.has_value()) {
    return {Code::kInvalidArgument, std::string(name(collective)) + ": no algorithm " + algorithm};
  }
  DevicePlan plan;
  plan.algorithm = algorithm;
  plan.plan = lower(*schedule, wanted.rank, /*inline_payload=*/false, [](int) { return true; });
  Result<FlatProgram> program = flatten(plan.plan);
  if (!program.ok()) return program.status();
  const Key key{collective, root, in_place};
  plans_[key] = std::move(plan);
  programs_[key] = std::move(*program);
  return {};
}

Status DevicePlans::upload(Device& device) {
  std::vector<std::byte> image;
  std::map<Key, std::pair<std::size_t, std::size_t>> places;
  for (const auto& [key, program] : programs_) {
    const std::size_t steps = append(image, program.steps);
    places[key] = {steps, append(image, program.operands)};
  }
  if (image.empty()) return {};
  const Result<std::byte*> memory = device.allocate(image.size());
  if (!memory.ok()) return memory.status();
  memory_.reset(*memory);
  for (auto& [key, plan] : plans_) {
    plan.flat = flat_plan(plan.plan);
    plan.flat.steps = reinterpret_cast<const FlatStep*>(*memory + places[key].first);
    plan.flat.operands = reinterpret_cast<const FlatOperand*>(*memory + places[key].second);
  }
  programs_.clear();
  return copy_to_device(device, *memory, image);
}

const DevicePlan* DevicePlans::find(Collective collective, int root, bool in_place) const {
  const bool matters = collective == Collective::kAllToAll;
  const auto at = plans_.find({collective, has_root(collective) ? root : 0, matters && in_place});
  return at == plans_.end() ? nullptr : &at->second;
}

}  // namespace tutti::cuda
