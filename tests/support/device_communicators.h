// Ranks as threads, each with a device made of threads, of which several may stand for one GPU or
// for one each; and buffers of such a device.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bootstrap/thread_bootstrap.h"
#include "communicator/impl.h"
#include "communicators.h"
#include "device/thread_device.h"

namespace tutti::test {

/// How the ranks of a test and their devices are.
struct RanksOnDevices {
  std::vector<int> host_of;  // by rank
  Options options = patient_options();
  std::vector<ThreadKernel> kernels = {};
  std::chrono::microseconds most_delay{0};  // of devices
  bool multicast = false;                   // devices have it
  std::vector<int> blocks = {};             // Options::device_blocks, by rank; none: as in options

  std::vector<std::size_t> copies = {};  // Options::device_copies, likewise

  int ranks() const { return static_cast<int>(host_of.size()); }
  /// `ranks` ranks of one host.
  static RanksOnDevices on_one_host(int ranks) { return {.host_of = std::vector<int>(ranks)}; }
};

/// A rank: its communicator, its device, and a stream.
struct RankOnDevice {
  Communicator& comm;
  ThreadDevice& device;
  Stream stream;

  Status synchronize() { return device.synchronize(stream, std::chrono::seconds(30)); }
};

/// Memory of a device that a test fills and looks at from the host.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(RankOnDevice& rank, std::size_t count) : rank_(rank), count_(count) {
    Result<std::byte*> made = rank.device.allocate(std::max<std::size_t>(1, count * sizeof(T)));
    EXPECT_OK(made.status());
    data_ = reinterpret_cast<T*>(*made);
  }
  DeviceBuffer(RankOnDevice& rank, const std::vector<T>& values)
      : DeviceBuffer(rank, values.size()) {
    std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  ~DeviceBuffer() { rank_.device.release(reinterpret_cast<std::byte*>(data_)); }
  DeviceBuffer(const DeviceBuffer&) = delete;

  std::span<T> all() { return {data_, count_}; }
  T* data() { return data_; }
  /// REQUIRES: the stream that writes it is synchronized.
  std::vector<T> values() const { return {data_, data_ + count_}; }

 private:
  RankOnDevice& rank_;
  T* data_ = nullptr;
  const std::size_t count_;
};

/// Makes a call whose buffers are in memory of the host on copies of them in memory of the device:
/// what is the same memory there is the same here.
inline Status run_on_device(RankOnDevice& rank, Call call) {
  auto* in = static_cast<std::byte*>(const_cast<void*>(call.input.data));
  auto* out = static_cast<std::byte*>(call.output.data);
  const std::size_t in_bytes = in == nullptr ? 0 : call.input.bytes();
  const std::size_t out_bytes = out == nullptr ? 0 : call.output.bytes();
  const bool apart =
      in_bytes == 0 || out_bytes == 0 || in + in_bytes <= out || out + out_bytes <= in;
  std::byte* const first = apart || in < out ? in : out;
  std::byte* const last = std::max(in + in_bytes, out + out_bytes);
  DeviceBuffer<std::byte> one(rank, apart ? in_bytes : static_cast<std::size_t>(last - first));
  DeviceBuffer<std::byte> other(rank, apart ? out_bytes : 0);
  std::byte* const device_in = one.data() + (apart ? 0 : in - first);
  std::byte* const device_out = apart ? other.data() : one.data() + (out - first);
  std::copy_n(in, in_bytes, device_in);
  std::copy_n(out, out_bytes, device_out);
  if (in_bytes != 0) call.input.data = device_in;
  if (out_bytes != 0) call.output.data = device_out;
  if (Status status = rank.comm.enqueue(call, rank.stream); !status.ok()) return status;
  if (Status status = rank.synchronize(); !status.ok()) return status;
  std::copy_n(device_in, in_bytes, in);
  std::copy_n(device_out, out_bytes, out);
  return rank.comm.health();
}

/// Its health, once it is bad.
inline Status eventual_health(const Communicator& comm) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(15);
  while (comm.health().ok() && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return comm.health();
}

/// Runs `body` on every rank at once. A communicator lives until every rank's body has ended.
inline void on_devices(const RanksOnDevices& made, const std::function<void(RankOnDevice&)>& body) {
  const int ranks = made.ranks();
  auto memory = std::make_shared<ThreadMemory>();
  std::vector<std::unique_ptr<Bootstrap>> bootstraps = make_thread_bootstraps(ranks);
  std::barrier all_ended(ranks);
  run_ranks_as_threads(ranks, [&](int rank) {
    Options options = made.options;
    options.device = rank;
    options.host = static_cast<char>('a' + made.host_of[rank]);
    if (!made.blocks.empty()) options.device_blocks = made.blocks[rank];
    if (!made.copies.empty()) options.device_copies = made.copies[rank];
    ThreadDeviceSettings settings{.facts = thread_device_facts(rank),
                                  .kernels = made.kernels,
                                  .delays = {made.most_delay, static_cast<std::uint64_t>(rank)},
                                  .memory = memory};
    settings.facts.has_multicast = made.multicast;
    auto device = std::make_shared<ThreadDevice>(settings);
    {
      Result<std::unique_ptr<Communicator::Impl>> impl = Communicator::Impl::create(
          *bootstraps[rank], options, {}, [&](int) -> std::shared_ptr<Device> { return device; },
          std::chrono::steady_clock::now() + options.start_timeout);
      EXPECT_OK(impl.status());
      if (impl.ok()) {
        Communicator comm(std::move(*impl));
        RankOnDevice self{comm, *device, *device->make_stream()};
        body(self);
        all_ended.arrive_and_wait();
        return 0;
      }
    }
    all_ended.arrive_and_wait();
    return 1;
  });
}

}  // namespace tutti::test
