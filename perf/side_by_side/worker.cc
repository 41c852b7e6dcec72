// One rank of one library: obeys the coordinator's lines until it hangs up.
//
//   run COLLECTIVE BYTES ITERATIONS WARMUP BATCH MEMORY  ->  ok CHOSEN NS NS …   (one an iteration)
//   algorithms COLLECTIVE                                ->  ok NAME NAME …
//
// Any failure, a wrong result among them, is answered "error SENTENCE".
//
// BATCH 1: an iteration is one operation. The input is rewritten, the ranks meet at the start line
// (no library takes part), and each rank times its own call; the coordinator takes the slowest
// rank. BATCH n: an iteration is n operations back to back after a barrier of the library, divided
// by n; the input is touched before each, within the time. COLLECTIVE may be "broadcast+barrier":
// then a barrier of the library follows each operation, within the time. Results are checked after
// the first operation and after the last.

#include "worker.h"

#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "channel.h"
#include "start_line.h"

namespace side_by_side {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSpins = 4000;  // before the start line yields; about 10 µs

struct Command {
  Collective collective;
  bool barrier_after = false;
  std::size_t bytes = 0;
  int iterations = 0;
  int warmup = 0;
  int batch = 1;
  std::string memory;
};

struct Buffers {
  Memory input;
  Memory output;
};

Collective collective_named(const std::string& name) {
  const auto collective = tutti::parse_collective(name);
  if (!collective) throw std::runtime_error("no collective is called " + name);
  return *collective;
}

Command parse_run(std::istringstream& words) {
  Command command;
  std::string name;
  words >> name >> command.bytes >> command.iterations >> command.warmup >> command.batch >>
      command.memory;
  if (!words || command.batch < 1) throw std::runtime_error("cannot read the command");
  const std::size_t plus = name.find("+barrier");
  command.barrier_after = plus != std::string::npos;
  command.collective = collective_named(name.substr(0, plus));
  return command;
}

std::vector<int> parse_cores(const std::string& text) {
  std::vector<int> cores;
  std::istringstream stream(text);
  for (std::string core; std::getline(stream, core, ',');) cores.push_back(std::stoi(core));
  if (cores.empty()) throw std::runtime_error("--cores is empty");
  return cores;
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::runtime_error("cannot run on core " + std::to_string(core));
  }
}

class Worker {
 public:
  Worker(Backend& backend, const Arguments& arguments, int cores)
      : backend_(backend),
        start_line_(arguments.directory + "/start_line", backend.rank(), backend.ranks(),
                    backend.ranks() > cores ? 0 : kSpins) {}

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    try {
      if (verb == "run") return "ok " + run(parse_run(words));
      if (verb == "algorithms") {
        std::string collective;
        words >> collective;
        return "ok " + backend_.algorithms(collective_named(collective));
      }
      return "error no verb is called " + verb;
    } catch (const std::exception& error) {
      return std::string("error ") + error.what();
    }
  }

 private:
  std::string run(const Command& command) {
    shape_ = {command.collective, command.bytes, backend_.rank(), backend_.ranks()};
    make_buffers(command.memory);
    Prepared prepared = backend_.prepare(shape_, input_, output_);

    std::memset(output_, 0xff, shape_.output_count() * sizeof(float));  // NaN
    run_checked(prepared);
    for (int i = 1; i < command.warmup; ++i) time(command, prepared);
    std::vector<double> times;
    for (int i = 0; i < command.iterations; ++i) times.push_back(time(command, prepared));
    if (command.batch > 1) {
      run_checked(prepared);
    } else {
      require_right(prepared);
    }

    std::ostringstream text;
    text << backend_.explain();
    for (double nanoseconds : times) text << ' ' << nanoseconds;
    return text.str();
  }

  // Nanoseconds of one iteration.
  double time(const Command& command, const Prepared& prepared) {
    return command.batch > 1 ? time_batch(command, prepared) : time_one(command, prepared);
  }

  double time_one(const Command& command, const Prepared& prepared) {
    fill(shape_, ++round_, input_);
    start_line_.wait();
    const auto start = Clock::now();
    prepared.run();
    if (command.barrier_after) backend_.barrier();
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  }

  double time_batch(const Command& command, const Prepared& prepared) {
    const std::size_t count = shape_.input_count();
    backend_.barrier();
    const auto start = Clock::now();
    for (int i = 0; i < command.batch; ++i) {
      touch(input_, count);
      prepared.run();
      if (command.barrier_after) backend_.barrier();
    }
    const auto end = Clock::now();
    return std::chrono::duration<double, std::nano>(end - start).count() / command.batch;
  }

  void run_checked(const Prepared& prepared) {
    fill(shape_, ++round_, input_);
    start_line_.wait();
    prepared.run();
    require_right(prepared);
  }

  void require_right(const Prepared& prepared) {
    const auto wrong = check(shape_, round_, prepared.result);
    if (wrong) throw std::runtime_error("WRONG RESULT: " + *wrong);
  }

  // Buffers last from one command to the next of the same sizes, as a caller's do.
  void make_buffers(const std::string& kind) {
    const std::size_t input_bytes = shape_.input_count() * sizeof(float);
    const std::size_t output_bytes = shape_.output_count() * sizeof(float);
    if (input_bytes != input_bytes_ || output_bytes != output_bytes_) buffers_.clear();
    input_bytes_ = input_bytes;
    output_bytes_ = output_bytes;
    Buffers& buffers = buffers_[kind];
    if (!buffers.input) buffers.input = allocate(input_bytes, kind);
    if (!buffers.output) buffers.output = allocate(output_bytes, kind);
    input_ = static_cast<float*>(buffers.input.get());
    output_ = static_cast<float*>(buffers.output.get());
  }

  Memory allocate(std::size_t bytes, const std::string& kind) {
    Memory made = kind == "allocate" ? backend_.allocate(bytes)
                                     : Memory(std::malloc(bytes), [](void* p) { std::free(p); });
    if (!made) throw std::runtime_error("no memory of kind " + kind);
    return made;
  }

  Backend& backend_;
  StartLine start_line_;
  Shape shape_{};
  std::map<std::string, Buffers> buffers_;  // by kind of memory
  float* input_ = nullptr;
  float* output_ = nullptr;
  std::size_t input_bytes_ = 0;
  std::size_t output_bytes_ = 0;
  int round_ = 0;
};

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--directory") arguments.directory = argv[i + 1];
    if (option == "--cores") arguments.cores = argv[i + 1];
    if (option == "--rank") arguments.rank = std::stoi(argv[i + 1]);
    if (option == "--ranks") arguments.ranks = std::stoi(argv[i + 1]);
  }
  return arguments;
}

void work(const Arguments& arguments) {
  const std::vector<int> cores = parse_cores(arguments.cores);
  const std::unique_ptr<Backend> backend = make_backend(arguments);
  // After the start, so that libraries see the machine as it is and not one core.
  pin(cores[static_cast<std::size_t>(backend->rank()) % cores.size()]);
  Channel channel(arguments.directory + "/coordinator");
  channel.send("hello " + std::to_string(backend->rank()));
  Worker worker(*backend, arguments, static_cast<int>(cores.size()));
  while (const auto line = channel.receive()) channel.send(worker.answer(*line));
}

}  // namespace
}  // namespace side_by_side

int main(int argc, char** argv) {
  try {
    side_by_side::work(side_by_side::parse_arguments(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker: %s\n", error.what());
    return 1;
  }
}
