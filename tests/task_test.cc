// Tasks in one thread, in any order of events: which rank goes on, and which put or signal arrives,
// is drawn by lot. Finds at once, and again the same way, what threads find once in a while.
// ROOMS: executor algorithms
// TIER: fast
// SANITIZERS: address

#include "executor/cpu/task.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <random>

#include "late_transport.h"
#include "programme.h"
#include "sanitizers.h"

namespace tutti {
namespace {

using test::Flavor;
using test::Planned;
using test::Programme;
using test::RankRunner;
using test::Trial;
using test::Way;

std::unique_ptr<RankRunner> make_runner(test::Post& post, int rank, const WindowLayout& layout) {
  return std::make_unique<RankRunner>(std::make_unique<test::LateTransport>(post, rank), layout,
                                      ExecutorSettings{});
}

// A rank on its way through a programme.
class Performer {
 public:
  Performer(test::Post& post, int rank, const WindowLayout& layout, const Programme& programme)
      : post_(post), rank_(rank), runner_(make_runner(post, rank, layout)), programme_(programme) {}

  bool ended() const { return call_ == programme_.planned().size(); }

  // True when something moved.
  bool step() {
    if (ended()) return false;
    const Planned& planned = programme_.planned()[call_];
    if (!task_) {
      Job& job = runner_->prepare(*planned.trial, planned.way);
      task_.emplace(runner_->executor().site(), runner_->executor().collectives(), job);
      post_.set_taker(rank_, &*task_);
    }
    const bool moved = task_->step();
    if (!task_->ended()) return moved;
    EXPECT_EQ(task_->state(), Task::State::kDone) << planned.to_string();
    EXPECT_EQ(runner_->difference(*planned.trial, planned.way), "") << planned.to_string();
    post_.set_taker(rank_, nullptr);
    task_.reset();
    ++call_;
    return true;
  }

  std::string position() const {
    return ended() ? "has ended" : "is in " + programme_.planned()[call_].to_string();
  }

 private:
  test::Post& post_;
  const int rank_;
  std::unique_ptr<RankRunner> runner_;
  const Programme& programme_;
  std::optional<Task> task_;
  std::size_t call_ = 0;
};

// Draws events until every rank has ended, or nothing can move any more.
class Lottery {
 public:
  Lottery(const Programme& programme, const std::vector<int>& host_of, unsigned seed)
      : post_(host_of, layout_of(programme).total), random_(seed) {
    for (int rank = 0; rank < post_.ranks(); ++rank) {
      performers_.emplace_back(post_, rank, layout_of(programme), programme);
    }
  }

  /// How many puts were used where they arrived.
  int taken() const { return post_.taken(); }

  void run() {
    while (!all_ended()) {
      if (testing::Test::HasFailure()) return;
      // A spell in which some are much luckier than others.
      const int slow_rank = below(post_.ranks()), slow_sender = below(post_.ranks());
      const bool late = below(2) == 0;
      bool moved = false;
      for (int i = 0; i < kSpell; ++i) moved |= draw(slow_rank, slow_sender, late);
      if (!moved && !drain()) return report();
    }
  }

 private:
  static constexpr int kSpell = 200;

  static WindowLayout layout_of(const Programme& programme) {
    return test::small_layout(programme.ranks(), /*scratch_bytes=*/4096, /*lines=*/48);
  }
  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }

  bool all_ended() const {
    return std::all_of(performers_.begin(), performers_.end(),
                       [](const Performer& p) { return p.ended(); });
  }

  bool draw(int slow_rank, int slow_sender, bool late) {
    const int rank = below(post_.ranks());
    if (below(4) != 0) return rank != slow_rank && performers_[rank].step();
    return !(late && rank == slow_sender) && post_.deliver(rank, below(post_.ranks()));
  }

  // Everything that can happen happens.
  bool drain() {
    bool moved = false;
    for (int i = 0; i < 3; ++i) {
      for (Performer& performer : performers_) moved |= performer.step();
    }
    for (int from = 0; from < post_.ranks(); ++from) {
      for (int to = 0; to < post_.ranks(); ++to) moved |= post_.deliver(from, to);
    }
    return moved;
  }

  void report() {
    ADD_FAILURE() << "nothing moves";
    for (int rank = 0; rank < post_.ranks(); ++rank) {
      std::printf("rank %d %s\n", rank, performers_[rank].position().c_str());
    }
  }

  test::Post post_;
  std::mt19937 random_;
  std::deque<Performer> performers_;  // which do not move
};

bool has_far_peers(const std::vector<int>& host_of) {
  return std::any_of(host_of.begin(), host_of.end(), [&](int host) { return host != host_of[0]; });
}

// Every algorithm that the hosts allow, in blocks of a few elements, in every way.
Programme every_algorithm(const std::vector<int>& host_of, unsigned seed) {
  std::mt19937 random(seed);
  Programme programme(Group::on_hosts(host_of));
  const bool far = has_far_peers(host_of);
  std::vector<Planned> ways;
  for (const Algorithm& algorithm : catalog()) {
    if (!allows(algorithm, programme.group()) || (far && algorithm.pull)) continue;
    const std::size_t count = random() % 200;
    const bool in_place = algorithm.in_place && random() % 2 == 0;
    const Trial& trial = programme.add(algorithm, count, in_place);
    const int lanes = 1 + static_cast<int>(random() % 4);
    ways.push_back({&trial, {.tile = 16, .lanes = lanes}});
    if (!algorithm.pull) {
      ways.push_back({&trial, {.flavor = Flavor::kInline, .lanes = lanes}});
      ways.push_back({&trial, {.flavor = Flavor::kInline, .tile = 4, .lanes = lanes}});
    }
    if (!far) ways.push_back({&trial, {.flavor = Flavor::kMapped, .tile = 16, .lanes = lanes}});
  }
  std::shuffle(ways.begin(), ways.end(), random);
  for (const Planned& planned : ways) programme.plan(*planned.trial, planned.way);
  return programme;
}

void try_many_orders(const std::vector<int>& host_of, unsigned seeds) {
  int taken = 0;
  for (unsigned seed = 1; seed <= test::or_few(seeds, 3u); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Programme programme = every_algorithm(host_of, seed);
    Lottery lottery(programme, host_of, seed);
    lottery.run();
    taken += lottery.taken();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(taken > 0, has_far_peers(host_of));
}

TEST(Task, GivesTheBitsOfTheReferenceInAnyOrderOnOneHost) {
  try_many_orders({0, 0}, 10);
  try_many_orders({0, 0, 0}, 10);
  try_many_orders({0, 0, 0, 0, 0}, 5);
}

TEST(Task, GivesTheBitsOfTheReferenceInAnyOrderBetweenHosts) {
  try_many_orders({0, 1}, 10);
  try_many_orders({0, 1, 2}, 10);
  try_many_orders({0, 1, 2, 3, 4}, 5);
}

TEST(Task, GivesTheBitsOfTheReferenceInAnyOrderOnAndBetweenHosts) {
  try_many_orders({0, 0, 1}, 10);
  try_many_orders({0, 1, 0, 1}, 10);
  try_many_orders({0, 0, 0, 1, 1, 2}, 5);
}

// Records of calls are a ring, which a rank that need not wait for anybody laps.
TEST(Task, ARankThatRunsFarAheadCanStillBeMet) {
  Programme programme(2);
  const Trial& pulled = programme.add(*find_algorithm(Collective::kAllGather, "all_pairs_pull"), 9,
                                      /*in_place=*/false);
  const Way mapped{.flavor = Flavor::kMapped};
  const WindowLayout layout = test::small_layout(2, 4096, /*lines=*/24);
  test::Post post({0, 0}, layout.total);
  const auto slow = make_runner(post, 0, layout), fast = make_runner(post, 1, layout);

  const auto enter_next = [](RankRunner& runner, const Job& job) {
    enter(runner.executor().site(), runner.executor().collectives(), job);
  };
  enter_next(*fast, fast->prepare(pulled, mapped));
  for (int i = 0; i < 2 * kRecords; ++i) enter_next(*fast, fast->prepare(pulled, {}));

  Job& job = slow->prepare(pulled, mapped);
  Task task(slow->executor().site(), slow->executor().collectives(), job);
  task.step();
  EXPECT_EQ(task.state(), Task::State::kRunning);
}

}  // namespace
}  // namespace tutti
