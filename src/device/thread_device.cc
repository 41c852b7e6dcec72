// Tested by device_test.cc.

#include "device/thread_device.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "device/hexadecimal.h"
#include "device/thread_multicast.h"

namespace tutti {
namespace {

constexpr int kMostThreadsOfABlock = 1024;  // as on GPUs

ThreadDeviceSettings with_all_facts(ThreadDeviceSettings settings) {
  settings.facts.has_kernels = !settings.kernels.empty();
  return settings;
}

}  // namespace

DeviceFacts thread_device_facts(int ordinal) {
  DeviceFacts facts;
  facts.ordinal = ordinal;
  facts.name = "threads";
  facts.multiprocessors = 64;
  facts.waits_on_memory = true;
  facts.takes_network_writes = true;
  std::memcpy(facts.uuid.data(), "tutti", 5);
  std::memcpy(facts.uuid.data() + 8, &ordinal, sizeof ordinal);
  return facts;
}

ThreadDevice::ThreadDevice(ThreadDeviceSettings settings)
    : settings_(with_all_facts(std::move(settings))), memory_(*settings_.memory) {
  reached_.insert(settings_.facts.ordinal);
  TUTTI_CHECK(make_stream().ok());  // the default one
}

ThreadDevice::~ThreadDevice() {
  streams_.clear();  // before the memory that they use
  memory_.remove_all(this);
}

Result<std::byte*> ThreadDevice::allocate(std::size_t bytes) {
  return memory_.allocate(owner(), bytes);
}

void ThreadDevice::release(std::byte* memory) {
  const Result<Allocation> allocation = allocation_of(memory);
  TUTTI_CHECK(allocation.ok() && allocation->base == memory, "%p was not allocated here",
              static_cast<void*>(memory));
  exports_.withdraw_all(allocation->identity);
  memory_.remove(memory);
}

Result<Allocation> ThreadDevice::allocation_of(const void* address) {
  const auto region = memory_.find(address);
  const bool is_own = region.has_value() && region->kind == ThreadMemory::Kind::kDevice &&
                      region->owner.ordinal == settings_.facts.ordinal;
  if (is_own) return region->allocation;
  const std::string what = region.has_value() ? region->to_string() : "memory of the host";
  return {Code::kInvalidArgument, hexadecimal(address) + " is " + what +
                                      ", expected memory of device " +
                                      std::to_string(settings_.facts.ordinal)};
}

Result<SharedMemory> ThreadDevice::share(const Allocation& allocation) {
  const Result<Allocation> known = allocation_of(allocation.base);
  if (!known.ok()) return known.status();
  if (*known != allocation) {
    return {Code::kInvalidArgument, "the allocation at " + hexadecimal(allocation.base) +
                                        " has ended: there is another at its address"};
  }
  Descriptor file(fcntl(memory_.find(allocation.base)->file, F_DUPFD_CLOEXEC, 0));
  if (file.valid()) return exports_.add(allocation, std::move(file));
  return {Code::kSystem, "cannot share memory: " + std::generic_category().message(errno)};
}

void ThreadDevice::withdraw(const SharedMemory& shared) { exports_.withdraw(shared); }

Result<std::byte*> ThreadDevice::import_memory(const SharedMemory& shared) {
  if (shared.kind != SharedMemory::Kind::kFile) {
    return {Code::kInvalidArgument, "threads import memory by its file, not by a handle of CUDA's"};
  }
  return imports_.open(shared, [&](const SharedMemory& one) -> Result<std::byte*> {
    Result<Descriptor> file = file_behind(one);
    if (!file.ok()) return file.status();
    return memory_.map(owner(), one.bytes, std::move(*file));
  });
}

void ThreadDevice::close_import(std::byte* memory) {
  imports_.close(memory, [&](const SharedMemory&, std::byte* mapped) { memory_.remove(mapped); });
}

Status ThreadDevice::reach(const DeviceFacts& other) {
  if (other.uuid != settings_.facts.uuid && !settings_.reaches_others) {
    return {Code::kNotSupported, "device " + std::to_string(settings_.facts.ordinal) +
                                     " cannot reach memory of device " +
                                     std::to_string(other.ordinal)};
  }
  const std::scoped_lock lock(mutex_);
  reached_.insert(other.ordinal);
  return {};
}

Result<SharedMemory> ThreadDevice::make_multicast(std::size_t bytes, int devices) {
  Result<Descriptor> file = ThreadMulticast::make(bytes, devices);
  if (!file.ok()) return file.status();
  return exports_.add({.bytes = bytes}, std::move(*file));
}

Result<std::unique_ptr<DeviceMulticast>> ThreadDevice::join_multicast(const SharedMemory& shared) {
  const Result<Descriptor> file = file_behind(shared);
  if (!file.ok()) return file.status();
  return ThreadMulticast::join(memory_, *file, settings_.facts.uuid);
}

Result<std::byte*> ThreadDevice::pin(std::span<std::byte> memory) {
  if (memory.empty()) return {Code::kInvalidArgument, "there is no memory to pin: 0 bytes"};
  const Status pinned = memory_.pin(owner(), memory);
  if (!pinned.ok()) return pinned;
  return memory.data();
}

void ThreadDevice::unpin(std::byte* host_memory) { memory_.remove(host_memory); }

Result<Device::StreamState> ThreadDevice::look_at(Stream stream) {
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  return StreamState{.capturing = (*found)->is_recording()};
}

Status ThreadDevice::copy(Stream stream, void* target, const void* source, std::size_t bytes) {
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  if (bytes == 0) return {};
  if (Status status = check_reach("the target of a copy", target, bytes); !status.ok()) {
    return status;
  }
  if (Status status = check_reach("the source of a copy", source, bytes); !status.ok()) {
    return status;
  }
  const auto is_pinned = [this](const void* address) {
    return memory_.find(address)->kind == ThreadMemory::Kind::kPinned;
  };
  if (is_pinned(target) || is_pinned(source)) bytes_through_host_ += bytes;
  (*found)->copy(target, source, bytes);
  return {};
}

Status ThreadDevice::set(Stream stream, std::uint32_t* flag, std::uint32_t value) {
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  const Status status = check_flag(flag);
  if (status.ok()) (*found)->set(flag, value);
  return status;
}

Status ThreadDevice::wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) {
  TUTTI_CHECK(settings_.facts.waits_on_memory);
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  const Status status = check_flag(flag);
  if (status.ok()) (*found)->wait_until(flag, value);
  return status;
}

Status ThreadDevice::launch(Stream stream, const Launch& launch) {
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  const ThreadKernel* const kernel = kernel_named(launch.kernel);
  if (kernel == nullptr) {
    return {Code::kInvalidArgument,
            "no kernel named " + std::string(launch.kernel) + " was loaded"};
  }
  if (launch.blocks < 1 || launch.threads < 1 || launch.threads > kMostThreadsOfABlock) {
    return {Code::kInvalidArgument, std::to_string(launch.blocks) + " blocks of " +
                                        std::to_string(launch.threads) + " threads for kernel " +
                                        launch.kernel + ", expected 1 or more of 1 to " +
                                        std::to_string(kMostThreadsOfABlock)};
  }
  (*found)->launch(*kernel, launch.blocks, launch.arguments);
  return {};
}

Result<Stream> ThreadDevice::make_stream() {
  const std::scoped_lock lock(mutex_);
  ThreadDelays delays = settings_.delays;
  delays.seed += streams_made_++;
  streams_.push_back(std::make_unique<ThreadStream>(delays));
  return static_cast<Stream>(streams_.back().get());
}

void ThreadDevice::end_stream(Stream stream) {
  std::unique_ptr<ThreadStream> ended;
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(streams_.begin() + 1, streams_.end(),
                                  [&](const auto& one) { return one.get() == stream; });
  TUTTI_CHECK(found != streams_.end(), "%p is not a stream made here", stream);
  ended = std::move(*found);
  streams_.erase(found);
}

Status ThreadDevice::synchronize(Stream stream, std::chrono::milliseconds timeout) {
  const Result<ThreadStream*> found = find(stream);
  if (!found.ok()) return found.status();
  if ((*found)->is_recording()) {
    return {Code::kInvalidArgument, "a stream that is being captured cannot be waited for"};
  }
  if ((*found)->is_done_by(std::chrono::steady_clock::now() + timeout)) return {};
  return {Code::kTimeout, "a stream of device " + std::to_string(settings_.facts.ordinal) +
                              " is not done after " + std::to_string(timeout.count()) + " ms"};
}

void ThreadDevice::begin_recording(Stream stream) { (*find(stream))->begin_recording(); }

ThreadStream::Recording ThreadDevice::end_recording(Stream stream) {
  return (*find(stream))->end_recording();
}

void ThreadDevice::replay(Stream stream, const ThreadStream::Recording& recording) {
  (*find(stream))->replay(recording);
}

Result<ThreadStream*> ThreadDevice::find(Stream stream) {
  const std::scoped_lock lock(mutex_);
  if (stream == nullptr) return streams_.front().get();
  for (const auto& one : streams_) {
    if (one.get() == stream) return one.get();
  }
  return {Code::kInvalidArgument, "the stream " + hexadecimal(stream) + " is not one of device " +
                                      std::to_string(settings_.facts.ordinal)};
}

Status ThreadDevice::check_reach(const char* what, const void* address, std::size_t bytes) const {
  const auto region = memory_.find(address);
  if (!region.has_value()) {
    return {Code::kInvalidArgument, std::string(what) + ", " + hexadecimal(address) +
                                        ", is memory of the host that is not pinned"};
  }
  const auto* const begin = static_cast<const std::byte*>(address);
  const auto offset = static_cast<std::size_t>(begin - region->allocation.base);
  if (bytes > region->allocation.bytes - offset) {
    return {Code::kInvalidArgument, std::string(what) + " has " + std::to_string(bytes) +
                                        " bytes, of which the allocation holds " +
                                        std::to_string(region->allocation.bytes - offset)};
  }
  const std::scoped_lock lock(mutex_);
  if (region->kind == ThreadMemory::Kind::kPinned || reached_.contains(region->owner.ordinal))
    return {};
  return {Code::kInvalidArgument, std::string(what) + " is " + region->to_string() +
                                      ", which device " + std::to_string(settings_.facts.ordinal) +
                                      " does not reach"};
}

Status ThreadDevice::check_flag(const std::uint32_t* flag) const {
  if (reinterpret_cast<std::uintptr_t>(flag) % alignof(std::uint32_t) != 0) {
    return {Code::kInvalidArgument,
            "the flag at " + hexadecimal(flag) + " is not aligned to 4 bytes"};
  }
  return check_reach("the flag", flag, sizeof *flag);
}

const ThreadKernel* ThreadDevice::kernel_named(const char* name) const {
  for (const ThreadKernel& kernel : settings_.kernels) {
    if (std::string_view(kernel.name) == name) return &kernel;
  }
  return nullptr;
}

}  // namespace tutti
