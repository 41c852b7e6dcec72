#include "train/app/launch.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "train/checkpoint/agree.h"

namespace tutti::train {
namespace {

// Exit handlers are left out: threads are at work.
[[noreturn]] void end() {
  std::fflush(nullptr);
  std::_Exit(1);
}

[[noreturn]] void tell_and_end(const std::string& sentence) {
  static std::mutex first_only;  // of threads; never unlocked
  first_only.lock();
  fmt::print(stderr, "tutti-train: {}\n", sentence);
  end();
}

// Kernels of one rank wait for those of another: none may stand behind what it waits for, in a
// queue of a GPU, or because it is loaded only when it is first launched, for which the driver
// waits until the GPU has done all else (CUDA C++ Programming Guide, "Lazy Loading"). REQUIRES: no
// other thread yet; CUDA has not been called.
void let_kernels_wait_for_each_other() {
  constexpr int kOverwrite = 0;
  setenv("CUDA_MODULE_LOADING", "EAGER", kOverwrite);
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", kOverwrite);
}

void run_threads(int ranks, const std::function<void(Communicator)>& work) {
  auto communicators = must(Communicator::threads(ranks, must(Options::from_environment())));
  std::vector<std::thread> threads;
  for (Communicator& communicator : communicators) {
    threads.emplace_back([&] {
      try {
        work(std::move(communicator));
      } catch (const std::exception& error) {
        tell_and_end(error.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

void run_ranks(int threads, const std::function<void(Communicator)>& work) {
  let_kernels_wait_for_each_other();
  try {
    if (threads > 0) return run_threads(threads, work);
    work(must(Communicator::from_environment()));
  } catch (const std::exception& error) {
    tell_and_end(error.what());
  }
}

void together(Group& world, const std::function<void()>& work) {
  or_end_together(world, [&] { agree_after(world, work); });
}

void or_end_together(Group& world, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    if (world.rank() == 0) fmt::print(stderr, "tutti-train: {}\n", error.what());
    // A launcher ends all ranks when the first one does.
    static_cast<void>(world.communicator().barrier());
    end();
  }
}

namespace {

std::string by_rank(const Group& world, const std::string& sentence) {
  return world.alone() ? sentence : fmt::format("rank {}: {}", world.rank(), sentence);
}

}  // namespace

void or_end(const Group& world, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    tell_and_end(by_rank(world, error.what()));
  }
}

bool or_lost(const Group& world, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const LostRank& lost) {
    fmt::print(stderr, "tutti-train: {}\n", by_rank(world, lost.what()));
    return false;
  } catch (const std::exception& error) {
    tell_and_end(by_rank(world, error.what()));
  }
}

}  // namespace tutti::train
