// Who copies for a thread that makes calls for a device: a stream of its own; or, where streams of
// the caller's wait in kernels, these (executor/cuda/porters.h). CUDA may let no copy begin on any
// stream before such kernels have ended, say while it loads another one.
//
// Tested by proxy_test.cc.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>

#include "communicator/device_words.h"
#include "device/device.h"
#include "executor/cpu/annex.h"
#include "executor/cuda/porters.h"

namespace tutti {

/// Lines of kernels (porters.h): to staging memory, from there, and within an annex.
enum PorterLineOf : std::uint32_t { kLineIn, kLineOut, kLineWithin };

class StreamCopier final : public DeviceCopier {
 public:
  /// The device must outlive it.
  static Result<std::unique_ptr<StreamCopier>> create(Device& device);
  /// As finish().
  ~StreamCopier() override;
  StreamCopier(const StreamCopier&) = delete;

  Result<std::uint64_t> copy(std::byte* target, const std::byte* source,
                             std::size_t bytes) override;
  bool copied(std::uint64_t number) override;
  /// Waits for its copies. False where they do not end, because the device has failed for good:
  /// what they may yet use is left to it.
  bool finish();

 private:
  explicit StreamCopier(Device& device) : device_(device) {}

  Device& device_;
  Stream stream_ = nullptr;
  std::uint64_t begun_ = 0;
  std::unique_ptr<PinnedWords> words_;  // one: how many are made
};

/// Copies are made while a kernel waits: for a group that is being made, one does.
class KernelCopier final : public DeviceCopier {
 public:
  explicit KernelCopier(cuda::PorterLine& line) : line_(line) {}

  Result<std::uint64_t> copy(std::byte* target, const std::byte* source,
                             std::size_t bytes) override;
  bool copied(std::uint64_t number) override;

 private:
  void give();

  cuda::PorterLine& line_;
  std::deque<cuda::CopyOrder> orders_;  // for which there was no slot yet
  std::uint64_t begun_ = 0;
  std::uint64_t given_ = 0;
  std::uint64_t made_ = 0;
};

/// The kernels' copier where there is one, else one of its own, by a stream.
class ChosenCopier {
 public:
  Status open(Device& device, DeviceCopier* by_kernels);
  /// As StreamCopier::finish(); kernels have ended.
  bool finish() { return own_ == nullptr || own_->finish(); }

  DeviceCopier* get() const { return copier_; }
  DeviceCopier* operator->() const { return copier_; }

 private:
  std::unique_ptr<StreamCopier> own_;
  DeviceCopier* copier_ = nullptr;
};

/// Until all copies up to this one are made; kTimeout.
Status wait_for_copies(DeviceCopier& copier, std::uint64_t number,
                       std::chrono::milliseconds timeout);

}  // namespace tutti
