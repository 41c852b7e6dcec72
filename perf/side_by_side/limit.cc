// What the machine allows, with no library: two pinned threads of one process.
//
//   run exchange   BYTES ITERATIONS WARMUP BATCH -          both store a flag, both wait for it
//   run all_reduce BYTES ITERATIONS WARMUP BATCH ordinary   an exchange; each thread reads its half
//   run all_reduce BYTES ITERATIONS WARMUP BATCH streaming  of both inputs and writes the sums to
//                                                           both outputs; an exchange
//
// The buffers are shared memory, as those that ranks map from each other. BATCH as in worker.cc.
// "streaming" writes past the caches. Answers as a worker does.

#include <immintrin.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "channel.h"
#include "data.h"

namespace side_by_side {
namespace {

using Clock = std::chrono::steady_clock;

// Both sides store their round and wait for the other's.
class Flags {
 public:
  void meet(int side) {
    const std::uint64_t round = rounds_[side].own + 1;
    rounds_[side].own = round;
    flags_[side].value.store(round, std::memory_order_release);
    for (int looks = 0; flags_[1 - side].value.load(std::memory_order_acquire) < round;) {
      if (++looks > 100'000) sched_yield();  // a core was taken from us
    }
  }

 private:
  struct alignas(64) Flag {
    std::atomic<std::uint64_t> value{0};
  };
  struct alignas(64) Round {
    std::uint64_t own = 0;
  };
  std::array<Flag, 2> flags_;
  std::array<Round, 2> rounds_;
};

// Shared memory, as a peer's would be.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) throw std::runtime_error("no shared memory");
    std::memset(data_, 0, bytes);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { munmap(data_, bytes_); }

  float* data() const { return static_cast<float*>(data_); }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_;
  std::size_t bytes_;
};

struct Buffers {
  explicit Buffers(std::size_t bytes)
      : inputs{Buffer(bytes), Buffer(bytes)}, outputs{Buffer(bytes), Buffer(bytes)} {}
  std::array<Buffer, 2> inputs;
  std::array<Buffer, 2> outputs;
};

void sum_ordinary(const float* __restrict a, const float* __restrict b, float* __restrict x,
                  float* __restrict y, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] = y[i] = a[i] + b[i];
}

// REQUIRES: 64-byte aligned pointers and sizes.
void sum_streaming(const float* a, const float* b, float* x, float* y, std::size_t count) {
#ifdef __AVX512F__
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512 sum = _mm512_add_ps(_mm512_load_ps(a + i), _mm512_load_ps(b + i));
    _mm512_stream_ps(x + i, sum);
    _mm512_stream_ps(y + i, sum);
  }
#else
  for (std::size_t i = 0; i < count; i += 4) {
    const __m128 sum = _mm_add_ps(_mm_load_ps(a + i), _mm_load_ps(b + i));
    _mm_stream_ps(x + i, sum);
    _mm_stream_ps(y + i, sum);
  }
#endif
  _mm_sfence();
}

struct Command {
  bool exchange = false;
  bool streaming = false;
  std::size_t bytes = 0;
  int iterations = 0;
  int warmup = 0;
  int batch = 1;
};

class Limit {
 public:
  explicit Limit(std::vector<int> cores) : cores_(std::move(cores)) {}

  std::string answer(const std::string& line) {
    try {
      return "ok - " + run(parse(line));
    } catch (const std::exception& error) {
      return std::string("error ") + error.what();
    }
  }

 private:
  static Command parse(const std::string& line) {
    std::istringstream words(line);
    Command command;
    std::string verb, collective, variant;
    words >> verb >> collective >> command.bytes >> command.iterations >> command.warmup >>
        command.batch >> variant;
    command.exchange = collective == "exchange";
    command.streaming = variant == "streaming";
    if (!words || verb != "run" || (!command.exchange && collective != "all_reduce")) {
      throw std::runtime_error("cannot read the command");
    }
    return command;
  }

  std::string run(const Command& command) {
    if (!command.exchange && (!buffers_ || buffers_->inputs[0].bytes() != command.bytes)) {
      buffers_.reset();
      buffers_ = std::make_unique<Buffers>(command.bytes);
    }
    std::array<std::vector<double>, 2> times;
    std::thread helper([&] { times[1] = side(command, 1); });
    times[0] = side(command, 0);
    helper.join();
    require_right(command);
    std::ostringstream text;
    for (std::size_t i = 0; i < times[0].size(); ++i) {
      text << (i == 0 ? "" : " ") << std::max(times[0][i], times[1][i]);
    }
    return text.str();
  }

  std::vector<double> side(const Command& command, int side) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cores_[static_cast<std::size_t>(side) % cores_.size()], &set);
    sched_setaffinity(0, sizeof set, &set);
    std::vector<double> times;
    for (int i = 0; i < command.warmup + command.iterations; ++i) {
      const double nanoseconds = time(command, side, i);
      if (i >= command.warmup) times.push_back(nanoseconds);
    }
    return times;
  }

  double time(const Command& command, int side, int round) {
    const bool whole = !command.exchange && (command.batch == 1 || round == 0);
    if (whole)
      fill(shape(command, side), last_round_ = command.batch == 1 ? round : 0, input(side));
    flags_.meet(side);
    const auto start = Clock::now();
    for (int i = 0; i < command.batch; ++i) {
      if (!command.exchange) {
        if (command.batch > 1) touch(input(side), command.bytes / sizeof(float));
        flags_.meet(side);
        sum_half(command, side);
      }
      flags_.meet(side);
    }
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / command.batch;
  }

  void sum_half(const Command& command, int side) {
    const std::size_t half = command.bytes / sizeof(float) / 2;
    const std::size_t first = side == 0 ? 0 : half;
    const bool aligned = half % 16 == 0;
    auto* sum = command.streaming && aligned ? &sum_streaming : &sum_ordinary;
    sum(input(0) + first, input(1) + first, output(0) + first, output(1) + first, half);
  }

  void require_right(const Command& command) {
    if (command.exchange) return;
    for (int side = 0; side < 2; ++side) {
      const auto wrong = check(shape(command, side), last_round_, output(side));
      if (wrong) throw std::runtime_error("WRONG RESULT: " + *wrong);
    }
  }

  static Shape shape(const Command& command, int side) {
    return {Collective::kAllReduce, command.bytes, side, 2};
  }
  float* input(int side) { return buffers_->inputs[static_cast<std::size_t>(side)].data(); }
  float* output(int side) { return buffers_->outputs[static_cast<std::size_t>(side)].data(); }

  std::vector<int> cores_;
  Flags flags_;
  std::unique_ptr<Buffers> buffers_;
  std::atomic<int> last_round_ = 0;
};

void work(const std::string& directory, const std::string& cores) {
  std::vector<int> list;
  std::istringstream stream(cores);
  for (std::string core; std::getline(stream, core, ',');) list.push_back(std::stoi(core));
  if (list.size() < 2) throw std::runtime_error("two cores are needed");
  Channel channel(directory + "/coordinator");
  channel.send("hello 0");
  Limit limit(list);
  while (const auto line = channel.receive()) channel.send(limit.answer(*line));
}

}  // namespace
}  // namespace side_by_side

// limit --directory DIRECTORY --cores 0,1
int main(int argc, char** argv) {
  try {
    if (argc != 5) throw std::runtime_error("expected --directory DIRECTORY --cores CORES");
    side_by_side::work(argv[2], argv[4]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "limit: %s\n", error.what());
    return 1;
  }
}
