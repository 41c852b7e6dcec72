// The threads of a block of a GPU on the processor, one at a time: what GpuThread and GridThread do
// (train/kernels/device/gpu_thread.h, tiles.h), as PTX ISA says it, and with what must not be
// relied on going wrong. Shared memory is not numbers before it is written to; copies are done at
// once or as late as can be; warps get as far as they can alone, the first ones first or the last
// ones.

#pragma once

#include <gtest/gtest.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "train/element.h"

namespace tutti::train {

/// Where threads wait for each other.
struct MeetingPoint {
  int threads = 0;
  int arrived = 0;
  long times = 0;
};

/// What the lanes of a warp give each other; what they gave is there until two times later.
struct WarpExchange {
  struct Lane {
    unsigned words[6];
    float numbers[4];
    const unsigned char* address;
  };
  Lane lanes[2][32];
  MeetingPoint point{32};
};

enum class Manner { kLateAndFirst, kEarlyAndLast };

class GpuThreads {
 public:
  GpuThreads(int threads, std::size_t shared_bytes, Manner manner)
      : manner_(manner),
        shared_(shared_bytes / sizeof(Line) + 1),
        warps_(threads / 32),
        all_{threads},
        fibers_(threads) {
    std::memset(shared_.data(), 0xff, shared_.size() * sizeof(Line));
  }

  /// Every thread does f(its number).
  void run(const std::function<void(int)>& f) {
    for (int i = 0; i < static_cast<int>(fibers_.size()); ++i) {
      fibers_[i].body = [&f, i] { f(i); };
      start(fibers_[i]);
    }
    for (bool again = true; again;) {
      again = false;
      const int warps = static_cast<int>(warps_.size());
      for (int i = 0; i < warps; ++i) {
        const int warp = manner_ == Manner::kLateAndFirst ? i : warps - 1 - i;
        while (advance(warp)) again = true;
      }
    }
    for (const Fiber& fiber : fibers_) EXPECT_TRUE(fiber.ended) << "waits for threads that left";
  }

  unsigned char* shared(unsigned at) { return shared_.data()->bytes + at; }
  Manner manner() const { return manner_; }
  WarpExchange& warp(int i) { return warps_[i]; }
  MeetingPoint& all() { return all_; }

  void meet(MeetingPoint& point) {
    const long seen = point.times;
    if (++point.arrived == point.threads) {
      point.arrived = 0;
      ++point.times;
      return;
    }
    running_->point = &point;
    running_->seen = seen;
    swapcontext(&running_->context, &scheduler_);
  }

 private:
  struct alignas(128) Line {
    unsigned char bytes[128];
  };
  struct Fiber {
    std::function<void()> body;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    MeetingPoint* point = nullptr;  // waits for another time than `seen`
    long seen = 0;
    bool ended = false;
  };

  void start(Fiber& fiber) {
    constexpr std::size_t kStack = 64 * 1024;
    fiber.stack.reset(new char[kStack]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = &scheduler_;
    begun_ = this;
    makecontext(&fiber.context, &GpuThreads::enter, 0);
  }
  // Whether any of a warp's threads could go on; they went until where they wait.
  bool advance(int warp) {
    bool any = false;
    for (int i = 32 * warp; i < 32 * (warp + 1); ++i) {
      Fiber& fiber = fibers_[i];
      if (fiber.ended || (fiber.point != nullptr && fiber.point->times == fiber.seen)) continue;
      any = true;
      running_ = &fiber;
      swapcontext(&scheduler_, &fiber.context);
    }
    return any;
  }
  static void enter() {
    Fiber& fiber = *begun_->running_;
    fiber.body();
    fiber.ended = true;
  }

  static inline thread_local GpuThreads* begun_ = nullptr;

  const Manner manner_;
  std::vector<Line> shared_;
  std::vector<WarpExchange> warps_;
  MeetingPoint all_;
  std::vector<Fiber> fibers_;
  ucontext_t scheduler_;
  Fiber* running_ = nullptr;
};

/// One of them.
class GpuThreadHere {
 public:
  GpuThreadHere(GpuThreads& threads, int thread) : threads_(threads), thread_(thread) {}

  int thread() const { return thread_; }
  void meet() const { threads_.meet(threads_.all()); }
  const float* numbers(unsigned at) const {
    return reinterpret_cast<const float*>(threads_.shared(at));
  }

  // As GridThread, which has no words of its own for shared memory.
  static constexpr int kDown = 16;
  static constexpr int kAcross = 16;
  float* shared() const { return reinterpret_cast<float*>(threads_.shared(0)); }

  void copy_16(unsigned to, const void* from, bool there) const {
    copy(to, from, there ? 16 : 0, 16);
  }
  void copy_4(unsigned to, const void* from, bool there) const { copy(to, from, there ? 4 : 0, 4); }
  void arrive() const {
    for (const Copy& copy : begun_) finish(copy);
    begun_.clear();
  }

  void load(unsigned from, unsigned (&to)[4]) const {
    const WarpExchange::Lane* lanes = rows(from);
    for (int m = 0; m < 4; ++m) {
      to[m] = word(element(lanes, m, lane() / 4, 2 * (lane() % 4)),
                   element(lanes, m, lane() / 4, 2 * (lane() % 4) + 1));
    }
  }
  void load_transposed(unsigned from, unsigned (&to)[4]) const {
    const WarpExchange::Lane* lanes = rows(from);
    for (int m = 0; m < 4; ++m) {
      to[m] = word(element(lanes, m, 2 * (lane() % 4), lane() / 4),
                   element(lanes, m, 2 * (lane() % 4) + 1, lane() / 4));
    }
  }

  // PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
  void multiply(const unsigned (&a)[4], unsigned b0, unsigned b1, float& c0, float& c1, float& c2,
                float& c3) const {
    const WarpExchange::Lane* lanes = exchange({{a[0], a[1], a[2], a[3], b0, b1}, {}, nullptr});
    float left[16][16];  // here, rows that this lane has results of
    float right[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      const int group = lane >> 2;
      const int in_group = lane % 4;
      if (group == this->lane() >> 2) {
        for (int i = 0; i < 8; ++i) {
          const int row = i < 2 || (4 <= i && i < 6) ? group : group + 8;
          const int column = in_group * 2 + (i & 1) + (i < 4 ? 0 : 8);
          left[row][column] = half(lanes[lane].words[i / 2], i & 1);
        }
      }
      if (group >> 1 == this->lane() % 4) {
        for (int i = 0; i < 4; ++i) {
          const int row = in_group * 2 + (i & 1) + (i < 2 ? 0 : 8);
          right[row][group] = half(lanes[lane].words[4 + i / 2], i & 1);
        }
      }
    }
    float* const c[] = {&c0, &c1, &c2, &c3};
    for (int i = 0; i < 4; ++i) {
      const int row = i < 2 ? lane() >> 2 : (lane() >> 2) + 8;
      const int column = lane() % 4 * 2 + (i & 1);
      for (int k = 0; k < 16; ++k) *c[i] += left[row][k] * right[k][column];
    }
  }

  unsigned pair(float first, float second) const {
    return word(Bf16(first).bits, Bf16(second).bits);
  }
  void converge() const {}  // load() and multiply() wait for the others
  template <class Number>
  Number forget(Number number) const {
    return number;
  }
  float of_lane(float value, int apart) const {
    return exchange({{}, {value}, nullptr})[lane() ^ apart].numbers[0];
  }

 private:
  struct Copy {
    unsigned to;
    const void* from;
    int bytes;
    int zeros;
  };

  int lane() const { return thread_ % 32; }

  void copy(unsigned to, const void* from, int bytes, int all) const {
    if (to % all != 0) ADD_FAILURE() << "a copy to " << to;
    if (bytes > 0 && reinterpret_cast<std::uintptr_t>(from) % all != 0) {
      ADD_FAILURE() << "a copy from " << from;
    }
    begun_.push_back({to, from, bytes, all - bytes});
    if (threads_.manner() == Manner::kEarlyAndLast) arrive();
  }
  void finish(const Copy& copy) const {
    std::memset(threads_.shared(copy.to), 0, copy.bytes + copy.zeros);
    if (copy.bytes > 0) std::memcpy(threads_.shared(copy.to), copy.from, copy.bytes);
  }

  // What each lane of the warp says.
  const WarpExchange::Lane* exchange(const WarpExchange::Lane& mine) const {
    WarpExchange& warp = threads_.warp(thread_ / 32);
    WarpExchange::Lane* lanes = warp.lanes[warp.point.times % 2];
    lanes[lane()] = mine;
    threads_.meet(warp.point);
    return lanes;
  }

  const WarpExchange::Lane* rows(unsigned from) const {
    if (from % 16 != 0) ADD_FAILURE() << "a row at " << from;
    const auto* lanes = exchange({{}, {}, threads_.shared(from)});
    unsigned banks = 0;  // those of the rows of one matrix
    for (int row = 0; row < 8; ++row) {
      const auto* address = lanes[lane() / 8 * 8 + row].address;
      banks |= 1u << ((address - threads_.shared(0)) / 16 % 8);
    }
    if (banks != 0xff) ADD_FAILURE() << "rows of a matrix share banks";
    return lanes;
  }
  static std::uint16_t element(const WarpExchange::Lane* lanes, int matrix, int row, int column) {
    std::uint16_t bits;
    std::memcpy(&bits, lanes[8 * matrix + row].address + 2 * column, 2);
    return bits;
  }
  static unsigned word(unsigned low, unsigned high) { return low | high << 16; }
  static float half(unsigned word, int which) {
    Bf16 number;
    number.bits = static_cast<std::uint16_t>(word >> (16 * which));
    return static_cast<float>(number);
  }

  GpuThreads& threads_;
  const int thread_;
  mutable std::vector<Copy> begun_;  // that need not be there yet
};

}  // namespace tutti::train
