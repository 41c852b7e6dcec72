#include "loop.h"

#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "trials.h"

namespace tutti::multihost {
namespace {

constexpr std::size_t kMostElements = std::size_t{1} << 20;
constexpr int kFirstCalls = 20;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void say(int rank, const std::string& line) {
  std::printf("rank %d %s\n", rank, line.c_str());
  std::fflush(stdout);
}

std::string at_now() { return " at " + std::to_string(now_seconds()) + " s"; }

// Calls that all ranks draw alike, sizes of every order.
class Calls {
 public:
  Calls(int ranks, unsigned seed)
      : ranks_(static_cast<std::size_t>(ranks)),
        random_(seed),
        input_(kMostElements),
        output_(kMostElements) {}

  Call next() {
    const std::size_t part = (kMostElements >> draw(20)) / ranks_;
    const std::span<float> all_in(input_.data(), part * ranks_), one_in(input_.data(), part);
    const std::span<float> all_out(output_.data(), part * ranks_), one_out(output_.data(), part);
    const int root = static_cast<int>(draw(ranks_));
    switch (draw(7)) {
      case 0:
        return all_gather(one_in, all_out);
      case 1:
        return reduce_scatter(all_in, one_out);
      case 2:
        return all_to_all(all_in, all_out);
      case 3:
        return broadcast(all_in, all_out, root);
      case 4:
        return tutti::reduce(all_in, all_out, ReduceOp(), root);
      case 5:
        return barrier();
      default:
        return all_reduce(all_in, all_out);
    }
  }

 private:
  std::size_t draw(std::size_t choices) { return random_() % choices; }

  std::size_t ranks_;
  std::mt19937 random_;
  std::vector<float> input_;
  std::vector<float> output_;
};

Status run_until_failure(Communicator& comm, unsigned seed) {
  Calls calls(comm.ranks(), seed);
  for (int number = 0;; ++number) {
    if (number == kFirstCalls) say(comm.rank(), "running");
    if (Status status = comm.run(calls.next()); !status.ok()) return status;
  }
}

// The old ranks of the survivors, in their order: "0,2"; checks a sum on the way.
Result<std::string> compute(Communicator& survivors, int old_rank) {
  std::vector<int> mine{old_rank}, all(static_cast<std::size_t>(survivors.ranks()));
  if (Status status = survivors.all_gather(mine, all); !status.ok()) return status;
  const Trials trials(survivors.rank(), survivors.ranks(), DataType::kFloat32, 10'007, /*salt=*/1);
  const std::string wrong = run(survivors, trials.all_reduce(/*in_place=*/true));
  if (!wrong.empty()) return Status(Code::kSystem, wrong);
  std::string text;
  for (const int rank : all) text += std::to_string(rank) + ",";
  text.pop_back();
  return text;
}

}  // namespace

bool loop_until_failure(Communicator& comm, unsigned seed) {
  const int rank = comm.rank();
  const Status failure = run_until_failure(comm, seed);
  say(rank, "error" + at_now() + ": " + failure.to_string());
  comm.abort(failure.message());

  Result<Communicator> survivors = comm.shrink();
  if (!survivors.ok()) {
    say(rank, "not shrunk" + at_now() + ": " + survivors.status().to_string());
    return false;
  }
  const Result<std::string> ranks = compute(*survivors, rank);
  if (!ranks.ok()) {
    say(rank, "shrunk" + at_now() + " and failed: " + ranks.status().to_string());
    return false;
  }
  say(rank, "shrunk" + at_now() + " to " + *ranks);
  return true;
}

}  // namespace tutti::multihost
