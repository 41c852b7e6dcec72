// Tested by cuda_driver_test.cc.

#include "device/cuda_streams.h"

#include <algorithm>
#include <thread>

#include "base/check.h"
#include "device/hexadecimal.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;

driver::Stream stream_of(Stream stream) { return static_cast<driver::Stream>(stream); }

driver::Address address_of(const void* memory) { return reinterpret_cast<driver::Address>(memory); }

Status check_aligned(const std::uint32_t* flag) {
  if (address_of(flag) % alignof(std::uint32_t) == 0) return {};
  return {Code::kInvalidArgument,
          "the flag at " + hexadecimal(flag) + " is not aligned to 4 bytes"};
}

}  // namespace

bool CudaStreams::can_wait() const {
  return context_.driver().wait_value != nullptr && context_.driver().write_value != nullptr;
}

Result<Device::StreamState> CudaStreams::look_at(Stream stream) const {
  const CurrentContext current(context_);
  const Status owned = check_owner(stream_of(stream));
  if (!owned.ok()) return owned;
  int capture = driver::kCaptureNone;
  const Status asked = context_.outcome_of(
      "cuStreamIsCapturing", context_.driver().capture_status(stream_of(stream), &capture));
  if (!asked.ok()) return asked;
  return Device::StreamState{.capturing = capture != driver::kCaptureNone};
}

// Streams of a program that uses CUDA's runtime are of primary contexts.
Status CudaStreams::check_owner(driver::Stream stream) const {
  const Driver& driver = context_.driver();
  driver::Context owner = nullptr;
  const Status asked =
      context_.outcome_of("cuStreamGetCtx", driver.context_of_stream(stream, &owner));
  if (!asked.ok() || owner == context_.handle()) return asked;
  driver::Ordinal device = -1;
  if (driver.push_context(owner) == driver::kSuccess) {
    driver.current_device(&device);
    driver.pop_context(&owner);
  }
  const std::string expected =
      "expected one of the primary context of device " + std::to_string(context_.ordinal());
  if (device == context_.device()) {
    return {Code::kInvalidArgument, "the stream is of another context of its device, " + expected};
  }
  return {Code::kInvalidArgument,
          "the stream is of device " + std::to_string(device) + ", " + expected};
}

Status CudaStreams::copy(Stream stream, void* target, const void* source, std::size_t bytes) const {
  if (bytes == 0) return {};
  const CurrentContext current(context_);
  const driver::Outcome outcome =
      context_.driver().copy(address_of(target), address_of(source), bytes, stream_of(stream));
  if (outcome == driver::kSuccess) return {};
  return context_.outcome_of("cuMemcpyAsync of " + std::to_string(bytes) + " bytes", outcome);
}

// Where streams cannot write words, they can fill memory of one. Both come after what the stream
// did before; only the first is documented to fence, as __threadfence_system() does.
Status CudaStreams::set(Stream stream, std::uint32_t* flag, std::uint32_t value) const {
  if (Status status = check_aligned(flag); !status.ok()) return status;
  const CurrentContext current(context_);
  const Driver& driver = context_.driver();
  if (driver.write_value == nullptr) {
    return context_.outcome_of("cuMemsetD32Async",
                               driver.fill_words(address_of(flag), value, 1, stream_of(stream)));
  }
  return context_.outcome_of(
      "cuStreamWriteValue32",
      driver.write_value(stream_of(stream), address_of(flag), value, driver::kWriteAfterFence));
}

Status CudaStreams::wait_until(Stream stream, const std::uint32_t* flag,
                               std::uint32_t value) const {
  TUTTI_CHECK(can_wait());
  if (Status status = check_aligned(flag); !status.ok()) return status;
  const CurrentContext current(context_);
  return context_.outcome_of("cuStreamWaitValue32",
                             context_.driver().wait_value(stream_of(stream), address_of(flag),
                                                          value, driver::kWaitGreaterOrEqual));
}

Status CudaStreams::zero(Stream stream, std::byte* memory, std::size_t bytes) const {
  const CurrentContext current(context_);
  return context_.outcome_of(
      "cuMemsetD8Async of " + std::to_string(bytes) + " bytes",
      context_.driver().fill_bytes(address_of(memory), 0, bytes, stream_of(stream)));
}

Result<Stream> CudaStreams::make_stream() const {
  const SetupContext current(context_);
  driver::Stream stream = nullptr;
  const Status made = context_.outcome_of(
      "cuStreamCreate", context_.driver().create_stream(&stream, driver::kStreamNonBlocking));
  if (!made.ok()) return made;
  return static_cast<Stream>(stream);
}

void CudaStreams::end_stream(Stream stream) const {
  const SetupContext current(context_);
  context_.driver().destroy_stream(stream_of(stream));  // fails once the device is broken
}

// Asks and sleeps: waiting in the driver would have no deadline.
Status CudaStreams::synchronize(Stream stream, std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const SetupContext current(context_);
  const Driver& driver = context_.driver();
  int capture = driver::kCaptureNone;
  const Status asked = context_.outcome_of("cuStreamIsCapturing",
                                           driver.capture_status(stream_of(stream), &capture));
  if (!asked.ok()) return asked;
  if (capture != driver::kCaptureNone) {
    return {Code::kInvalidArgument, "a stream that is being captured cannot be waited for"};
  }
  for (auto pause = 5us;; pause = std::min(2 * pause, 1000us)) {
    const driver::Outcome outcome = driver.query_stream(stream_of(stream));
    if (outcome != driver::kNotReady) return context_.outcome_of("cuStreamQuery", outcome);
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  return {Code::kTimeout, "a stream of device " + std::to_string(context_.ordinal()) +
                              " is not done after " + std::to_string(timeout.count()) + " ms"};
}

}  // namespace tutti
