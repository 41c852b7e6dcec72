// Tested by device_test.cc.

#include "device/thread_stream.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;

// Pairs with whatever stores the flag with release: set(), or a kernel.
std::uint32_t load(const std::uint32_t* flag) {
  return std::atomic_ref(*const_cast<std::uint32_t*>(flag)).load(std::memory_order_acquire);
}

bool has_reached(std::uint32_t now, std::uint32_t value) {
  return static_cast<std::int32_t>(now - value) >= 0;
}

}  // namespace

ThreadStream::ThreadStream(const ThreadDelays& delays)
    : delays_(delays), random_(delays.seed), thread_(&ThreadStream::serve, this) {}

ThreadStream::~ThreadStream() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  given_.notify_all();
  thread_.join();
}

void ThreadStream::copy(void* target, const void* source, std::size_t bytes) {
  give([=](ThreadStream&) { std::memmove(target, source, bytes); });
}

void ThreadStream::set(std::uint32_t* flag, std::uint32_t value) {
  // Release: pairs with the acquire of wait(), and of kernels.
  give([=](ThreadStream&) { std::atomic_ref(*flag).store(value, std::memory_order_release); });
}

void ThreadStream::wait_until(const std::uint32_t* flag, std::uint32_t value) {
  give([=](ThreadStream& stream) { stream.wait(flag, value); });
}

void ThreadStream::launch(const ThreadKernel& kernel, int blocks,
                          std::span<const std::byte> arguments) {
  std::vector<std::byte> copied(arguments.begin(), arguments.end());
  give([kernel, blocks, copied = std::move(copied)](ThreadStream& stream) {
    stream.run(kernel, blocks, copied.data());
  });
}

void ThreadStream::begin_recording() {
  const std::scoped_lock lock(mutex_);
  TUTTI_CHECK(!recording_);
  recording_ = true;
}

ThreadStream::Recording ThreadStream::end_recording() {
  const std::scoped_lock lock(mutex_);
  TUTTI_CHECK(recording_);
  recording_ = false;
  return std::exchange(record_, {});
}

bool ThreadStream::is_recording() {
  const std::scoped_lock lock(mutex_);
  return recording_;
}

void ThreadStream::replay(const Recording& recording) {
  for (const Work& work : recording) give(work);
}

bool ThreadStream::is_done_by(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return done_.wait_until(lock, deadline, [&] { return queue_.empty(); });
}

void ThreadStream::give(Work work) {
  const std::scoped_lock lock(mutex_);
  if (recording_) {
    record_.push_back(std::move(work));
    return;
  }
  queue_.push_back(std::move(work));
  given_.notify_one();
}

void ThreadStream::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    given_.wait(lock, [&] { return ending_ || !queue_.empty(); });
    if (ending_) return;
    const Work& work = queue_.front();  // others only add to the end
    lock.unlock();
    std::this_thread::sleep_for(delay());
    work(*this);
    lock.lock();
    queue_.pop_front();
    if (queue_.empty()) done_.notify_all();
  }
}

void ThreadStream::run(const ThreadKernel& kernel, int blocks, const void* arguments) {
  std::vector<std::chrono::microseconds> delays(static_cast<std::size_t>(blocks));
  for (std::chrono::microseconds& one : delays) one = delay();
  crew_.run(blocks, [&](int block) {
    std::this_thread::sleep_for(delays[static_cast<std::size_t>(block)]);
    kernel.run(arguments, block, blocks);
  });
}

void ThreadStream::wait(const std::uint32_t* flag, std::uint32_t value) {
  constexpr int kYields = 100;  // before it sleeps: peers may need this core
  for (int i = 0; !ending_ && !has_reached(load(flag), value); ++i) {
    if (i < kYields) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(20us);
    }
  }
}

std::chrono::microseconds ThreadStream::delay() {
  if (delays_.most == 0us) return 0us;
  return std::uniform_int_distribution<std::int64_t>(0, delays_.most.count())(random_) * 1us;
}

}  // namespace tutti
