#include "communicator/device_copiers.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
// Before memory is taken from under copies that do not end.
constexpr std::chrono::seconds kDrain{10};

}  // namespace

Result<std::unique_ptr<StreamCopier>> StreamCopier::create(Device& device) {
  std::unique_ptr<StreamCopier> copier(new StreamCopier(device));
  Result<std::unique_ptr<PinnedWords>> words = PinnedWords::create(device, 1);
  if (!words.ok()) return words.status();
  copier->words_ = std::move(*words);
  const Result<Stream> stream = device.make_stream();
  if (!stream.ok()) return stream.status();
  copier->stream_ = *stream;
  return copier;
}

StreamCopier::~StreamCopier() { finish(); }

bool StreamCopier::finish() {
  if (stream_ == nullptr) return true;
  if (!device_.synchronize(stream_, kDrain).ok()) {
    words_->forget();
    return false;
  }
  device_.end_stream(std::exchange(stream_, nullptr));
  return true;
}

Result<std::uint64_t> StreamCopier::copy(std::byte* target, const std::byte* source,
                                         std::size_t bytes) {
  Status status = device_.copy(stream_, target, source, bytes);
  if (!status.ok()) return status;
  ++begun_;
  status = device_.set(stream_, words_->on_device(0), static_cast<std::uint32_t>(begun_));
  if (!status.ok()) return status;
  return begun_;
}

// Only so many are under way that the low halves tell.
bool StreamCopier::copied(std::uint64_t number) {
  return cuda::has_reached(words_->load(0), static_cast<std::uint32_t>(number));
}

Result<std::uint64_t> KernelCopier::copy(std::byte* target, const std::byte* source,
                                         std::size_t bytes) {
  if (bytes == 0) return begun_;
  orders_.push_back({source, target, bytes});
  ++begun_;
  give();
  return begun_;
}

bool KernelCopier::copied(std::uint64_t number) {
  // Acquire: pairs with Porter::make_known().
  const std::uint32_t made = std::atomic_ref(line_.made).load(std::memory_order_acquire);
  made_ += made - static_cast<std::uint32_t>(made_);
  give();
  return made_ >= number;
}

void KernelCopier::give() {
  while (!orders_.empty() && given_ - made_ < cuda::kOrderSlots) {
    line_.orders[given_ % cuda::kOrderSlots] = orders_.front();
    orders_.pop_front();
    ++given_;
    // Release: pairs with Porter::has_order().
    std::atomic_ref(line_.given)
        .store(static_cast<std::uint32_t>(given_), std::memory_order_release);
  }
}

Status ChosenCopier::open(Device& device, DeviceCopier* by_kernels) {
  copier_ = by_kernels;
  if (copier_ != nullptr) return {};
  Result<std::unique_ptr<StreamCopier>> made = StreamCopier::create(device);
  if (!made.ok()) return made.status();
  own_ = std::move(*made);
  copier_ = own_.get();
  return {};
}

Status wait_for_copies(DeviceCopier& copier, std::uint64_t number,
                       std::chrono::milliseconds timeout) {
  const Clock::time_point limit = Clock::now() + timeout;
  while (!copier.copied(number)) {
    if (Clock::now() > limit) {
      return {Code::kTimeout,
              "copies have not ended within " + std::to_string(timeout.count()) + " ms"};
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return {};
}

}  // namespace tutti
