#include "check.h"

#include <cstdio>
#include <set>
#include <string>

#include "trials.h"

namespace tutti::multihost {
namespace {

constexpr DataType kTypes[] = {DataType::kInt8,    DataType::kUint8,   DataType::kInt32,
                               DataType::kInt64,   DataType::kFloat16, DataType::kBfloat16,
                               DataType::kFloat32, DataType::kFloat64};
constexpr std::size_t kCounts[] = {0, 1, 3, 7, 1000, 100'003};
constexpr int kMostShown = 10;  // failures a rank

class Checker {
 public:
  explicit Checker(Communicator& comm) : comm_(comm) {}

  // After a failure of the communicator nothing more can be learnt.
  void check(const Trial& trial) {
    if (broken_) return;
    const std::string wrong = run(comm_, trial);
    ++calls_;
    ran_.insert(comm_.explain().algorithm + ":" + comm_.explain().transports);
    if (wrong.empty()) return;
    if (++failures_ <= kMostShown) say(wrong);
    broken_ = wrong.find("element") == std::string::npos && !comm_.barrier().ok();
  }

  bool close() {
    say("checked " + std::to_string(calls_) + " calls, " + std::to_string(failures_) + " wrong");
    std::string names;
    for (const std::string& name : ran_) names += " " + name;
    say("ran" + names);
    return failures_ == 0;
  }

 private:
  void say(const std::string& line) const {
    std::printf("rank %d: %s\n", comm_.rank(), line.c_str());
  }

  Communicator& comm_;
  int calls_ = 0;
  int failures_ = 0;
  bool broken_ = false;
  std::set<std::string> ran_;
};

// `turn` chooses root and partner: over a few turns everyone has been each.
void check_all(Checker& checker, const Trials& trials, int ranks, int turn) {
  const int root = turn % ranks;
  for (const bool in_place : {false, true}) {
    checker.check(trials.all_reduce(in_place));
    checker.check(trials.all_gather(in_place));
    checker.check(trials.reduce_scatter(in_place));
    checker.check(trials.all_to_all(in_place));
    checker.check(trials.all_gather_v(in_place));
    checker.check(trials.reduce_scatter_v(in_place));
    checker.check(trials.broadcast(root, in_place));
    checker.check(trials.reduce(root, in_place));
    checker.check(trials.gather(root, in_place));
    checker.check(trials.scatter(root, in_place));
    for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
      checker.check(trials.scan(direction, in_place));
      checker.check(trials.exclusive_scan(direction, in_place));
    }
  }
  checker.check(trials.all_to_all_v());
  checker.check(trials.send_receive(/*shift=*/turn % ranks));
  checker.check(trials.barrier());
}

}  // namespace

bool check_types(Communicator& comm, std::span<const DataType> types) {
  Checker checker(comm);
  int turn = 0;
  for (const DataType type : types) {
    for (const std::size_t count : kCounts) {
      const Trials trials(comm.rank(), comm.ranks(), type, count, static_cast<unsigned>(++turn));
      check_all(checker, trials, comm.ranks(), turn);
    }
  }
  return checker.close();
}

bool check_everything(Communicator& comm) { return check_types(comm, kTypes); }

}  // namespace tutti::multihost
