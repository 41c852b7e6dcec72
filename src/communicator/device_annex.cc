#include "communicator/device_annex.h"

#include <utility>

namespace tutti {
namespace {

// Before memory is taken from under copies that do not end.
constexpr std::chrono::seconds kDrain{10};

}  // namespace

Result<std::unique_ptr<DeviceAnnex>> DeviceAnnex::create(Device& device, std::size_t bytes) {
  std::unique_ptr<DeviceAnnex> annex(new DeviceAnnex(device));
  Result<std::unique_ptr<PinnedWords>> words = PinnedWords::create(device, 1);
  if (!words.ok()) return words.status();
  annex->words_ = std::move(*words);
  const Result<Stream> stream = device.make_stream();
  if (!stream.ok()) return stream.status();
  annex->stream_ = *stream;
  const Result<std::byte*> memory = device.allocate(bytes);
  if (!memory.ok()) return memory.status();
  annex->memory_ = {*memory, bytes};
  return annex;
}

DeviceAnnex::~DeviceAnnex() {
  if (stream_ == nullptr) return;
  if (!device_.synchronize(stream_, kDrain).ok()) {  // as ~Staging()
    words_->forget();
    return;
  }
  device_.end_stream(stream_);
  if (!memory_.empty()) device_.release(memory_.data());
}

Result<std::uint64_t> DeviceAnnex::copy(std::byte* target, const std::byte* source,
                                        std::size_t bytes) {
  Status status = device_.flush_network_writes();
  if (status.ok()) status = device_.copy(stream_, target, source, bytes);
  if (!status.ok()) return status;
  ++copies_;
  status = device_.set(stream_, words_->on_device(0), static_cast<std::uint32_t>(copies_));
  if (!status.ok()) return status;
  return copies_;
}

// Only so many are under way that the low halves tell.
bool DeviceAnnex::copied(std::uint64_t number) {
  return static_cast<std::int32_t>(words_->load(0) - static_cast<std::uint32_t>(number)) >= 0;
}

}  // namespace tutti
