// Points in the order of streams, and when the device came by: used again and again.

#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "train/device/cuda/errors.h"

namespace tutti::train {

class Events {
 public:
  using Clock = std::chrono::steady_clock;

  /// Waits for the stream, to know the time.
  explicit Events(cudaStream_t stream) : origin_(take()) {
    must(cudaStreamSynchronize(stream), "stream");
    must(cudaEventRecord(origin_, stream), "event");
    must(cudaEventSynchronize(origin_), "event");
    origin_time_ = Clock::now();
  }
  ~Events() {
    for (const cudaEvent_t event : all_) cudaEventDestroy(event);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  cudaEvent_t take() {
    if (spare_.empty()) {
      cudaEvent_t event = nullptr;
      must(cudaEventCreate(&event), "event");
      all_.push_back(event);
      return event;
    }
    const cudaEvent_t event = spare_.back();
    spare_.pop_back();
    return event;
  }
  cudaEvent_t record(cudaStream_t stream) {
    const cudaEvent_t event = take();
    must(cudaEventRecord(event, stream), "event");
    return event;
  }
  /// May still be under way; nobody asks for it any more.
  void give_back(cudaEvent_t event) {
    if (event != nullptr) spare_.push_back(event);
  }

  static bool has_passed(cudaEvent_t event) {
    const cudaError_t answer = cudaEventQuery(event);
    if (answer != cudaErrorNotReady) must(answer, "event");
    return answer == cudaSuccess;
  }

  /// REQUIRES, here and below: they have passed, `from` first.
  static Clock::duration between(cudaEvent_t from, cudaEvent_t to) {
    float milliseconds = 0;
    must(cudaEventElapsedTime(&milliseconds, from, to), "time between events");
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double, std::milli>(milliseconds));
  }
  /// As good as clocks agree, and to 1 ms after hours: floats count milliseconds.
  Clock::time_point time_of(cudaEvent_t event) const {
    return origin_time_ + between(origin_, event);
  }

 private:
  std::vector<cudaEvent_t> all_;
  std::vector<cudaEvent_t> spare_;
  const cudaEvent_t origin_;
  Clock::time_point origin_time_;
};

}  // namespace tutti::train
