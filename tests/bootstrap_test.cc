// Tests src/bootstrap/{tcp_bootstrap,root,door,handshake,tree,link,introductions,wire}.
// ROOMS: bootstrap

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <thread>

#include "bootstrap/handshake.h"
#include "bootstrap/introductions.h"
#include "bootstrap/link.h"
#include "bootstrap/tcp_bootstrap.h"
#include "bootstrap/tree.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Connected = Result<std::unique_ptr<Bootstrap>>;
using Gathered = Result<std::vector<std::string>>;

Deadline in(int ms) { return steady_clock::now() + milliseconds(ms); }

// Runs f(0) … f(count - 1) in threads and gives what they answered.
template <class T>
std::vector<T> in_threads(int count, const std::function<T(int)>& f) {
  std::vector<std::optional<T>> answers(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { answers[static_cast<std::size_t>(i)].emplace(f(i)); });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<T> result;
  for (auto& answer : answers) result.push_back(std::move(*answer));
  return result;
}

Invitation invite() {
  Result<Invitation> invitation = make_unique_id({});
  EXPECT_TRUE(invitation.ok()) << invitation.status().message();
  return std::move(*invitation);
}

std::vector<Connected> connect_all(const UniqueId& id, int ranks) {
  return in_threads<Connected>(
      ranks, [&](int rank) { return connect_bootstrap(id, rank, ranks, in(20000)); });
}

std::vector<std::unique_ptr<Bootstrap>> connected(int ranks) {
  const Invitation invitation = invite();
  std::vector<std::unique_ptr<Bootstrap>> result;
  for (Connected& bootstrap : connect_all(invitation.id, ranks)) {
    EXPECT_TRUE(bootstrap.ok()) << bootstrap.status().message();
    result.push_back(bootstrap.ok() ? std::move(*bootstrap) : nullptr);
  }
  return result;
}

// Different lengths, among them zero.
std::string value_of(int rank, int call) {
  return std::string(static_cast<std::size_t>((rank * 37 + call) % 90),
                     static_cast<char>('a' + (rank + call) % 26));
}

std::string what(const Status& status) { return status.to_string(); }

bool says(const Status& status, const std::string& text) {
  return status.message().find(text) != std::string::npos;
}

// ---- What it is for ----

class Ranks : public testing::TestWithParam<int> {};

TEST_P(Ranks, GetWhatEveryRankGaveAgainAndAgain) {
  const int ranks = GetParam();
  auto bootstraps = connected(ranks);
  const auto all_ok = in_threads<std::string>(ranks, [&](int rank) -> std::string {
    Bootstrap& mine = *bootstraps[static_cast<std::size_t>(rank)];
    if (mine.rank() != rank || mine.ranks() != ranks) return "wrong rank";
    for (int call = 0; call < 5; ++call) {
      Gathered gathered = mine.all_gather(value_of(rank, call), in(20000));
      if (!gathered.ok()) return what(gathered.status());
      if (gathered->size() != static_cast<std::size_t>(ranks)) return "wrong size";
      for (int r = 0; r < ranks; ++r) {
        if ((*gathered)[static_cast<std::size_t>(r)] != value_of(r, call)) return "wrong value";
      }
    }
    return "";
  });
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_EQ(all_ok[static_cast<std::size_t>(rank)], "") << "rank " << rank;
  }
}
// The tree's arity is 4: full levels, one more, one less.
INSTANTIATE_TEST_SUITE_P(Bootstrap, Ranks, testing::Values(1, 2, 3, 4, 5, 6, 20, 21, 22, 47));

TEST(Bootstrap, CarriesValuesLargerThanAnySocketBuffer) {
  auto bootstraps = connected(6);
  const std::size_t size = std::size_t{3} << 20;
  const auto sums = in_threads<std::size_t>(6, [&](int rank) {
    Gathered gathered =
        bootstraps[static_cast<std::size_t>(rank)]->all_gather(std::string(size, 'x'), in(20000));
    std::size_t sum = 0;
    if (gathered.ok()) {
      for (const std::string& value : *gathered) sum += value.size();
    }
    return sum;
  });
  EXPECT_EQ(sums, std::vector<std::size_t>(6, 6 * size));
}

TEST(Bootstrap, NeedsNoRootOnceAllHaveMet) {
  auto bootstraps = connected(7);  // and the invitation is gone
  const auto ok = in_threads<bool>(7, [&](int rank) {
    return bootstraps[static_cast<std::size_t>(rank)]->all_gather("x", in(20000)).ok();
  });
  EXPECT_EQ(std::count(ok.begin(), ok.end(), true), 7);
}

// ---- Ranks that do not come, or come wrongly ----

TEST(Start, NamesTheMissingRanksToAllWhoCame) {
  const Invitation invitation = invite();
  const std::vector<int> present = {0, 1, 2, 4, 5, 6, 10};
  const auto begin = steady_clock::now();
  const auto answers = in_threads<Status>(7, [&](int i) {
    return connect_bootstrap(invitation.id, present[static_cast<std::size_t>(i)], 11, in(600))
        .status();
  });
  EXPECT_LT(steady_clock::now() - begin, milliseconds(3000));
  for (const Status& status : answers) {
    EXPECT_EQ(status.code(), Code::kTimeout);
    EXPECT_TRUE(says(status, "ranks 3, 7-9 of 11 have not come")) << status.message();
  }
  // Whoever comes later hears the same.
  const Status late = connect_bootstrap(invitation.id, 3, 11, in(5000)).status();
  EXPECT_TRUE(says(late, "ranks 3, 7-9 of 11 have not come")) << late.message();
}

// Several ranks come; all of them, and the one that is wrong, must hear `expected`.
void expect_all_hear(const std::vector<std::pair<int, int>>& rank_and_ranks, Code code,
                     const std::vector<std::string>& expected) {
  const Invitation invitation = invite();
  const auto answers = in_threads<Status>(static_cast<int>(rank_and_ranks.size()), [&](int i) {
    const auto [rank, ranks] = rank_and_ranks[static_cast<std::size_t>(i)];
    return connect_bootstrap(invitation.id, rank, ranks, in(10000)).status();
  });
  for (const Status& status : answers) {
    EXPECT_EQ(status.code(), code) << what(status);
    for (const std::string& text : expected) EXPECT_TRUE(says(status, text)) << what(status);
  }
}

TEST(Start, RefusesADuplicateRankOnAllRanks) {
  expect_all_hear({{0, 4}, {1, 4}, {2, 4}, {2, 4}}, Code::kMismatch,
                  {"rank 2 has come twice: as rank 2 (host "});
}

TEST(Start, RefusesARankThatIsOutOfRangeOnAllRanks) {
  expect_all_hear({{0, 3}, {1, 3}, {3, 3}}, Code::kInvalidArgument,
                  {"rank 3 (host ", "is out of range: with 3 ranks they are numbered 0 to 2"});
  expect_all_hear({{0, 3}, {-1, 3}}, Code::kInvalidArgument, {"rank -1 (host "});
  expect_all_hear({{0, 0}}, Code::kInvalidArgument, {"says that there are 0 ranks"});
}

TEST(Start, RefusesRanksThatCountDifferentlyOnAllRanks) {
  expect_all_hear({{0, 4}, {1, 4}, {2, 5}}, Code::kMismatch,
                  {"says that there are ", " ranks, but rank ", "4", "5"});
}

// A rank that introduces itself and is then killed.
TEST(Start, NamesARankThatLeavesBeforeAllHaveMet) {
  const Invitation invitation = invite();
  const Meeting meeting = *decode(invitation.id);
  Status answer;
  std::thread other([&] { answer = connect_bootstrap(invitation.id, 0, 3, in(10000)).status(); });
  {
    Result<Fd> fd = enter(meeting.root, meeting, false, in(5000));
    ASSERT_TRUE(fd.ok()) << fd.status().message();
    Link link(std::move(*fd), "the root");
    link.send(FrameKind::kHello, encode(Hello{2, 3, milliseconds(9000), {"elsewhere", 77}, {}}));
    ASSERT_TRUE(link.write_all(in(5000)).ok());
  }
  other.join();
  EXPECT_EQ(answer.code(), Code::kPeerLost);
  EXPECT_TRUE(says(answer, "rank 2 (host elsewhere, pid 77) left before all ranks had met"))
      << what(answer);
}

TEST(Start, EndsWhenTheRootIsDestroyed) {
  Invitation invitation = invite();
  Status waiting;
  std::thread rank([&] { waiting = connect_bootstrap(invitation.id, 0, 2, in(10000)).status(); });
  std::this_thread::sleep_for(milliseconds(100));
  invitation.root.reset();
  rank.join();
  EXPECT_NE(waiting.code(), Code::kOk);
  EXPECT_NE(waiting.code(), Code::kTimeout) << what(waiting);

  const auto begin = steady_clock::now();
  const Status later = connect_bootstrap(invitation.id, 1, 2, in(10000)).status();
  EXPECT_EQ(later.code(), Code::kPeerLost) << what(later);
  EXPECT_TRUE(says(later, "the process that made the unique id has ended")) << what(later);
  EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
}

TEST(Start, EndsAtTheRootsOwnTimeout) {
  BootstrapOptions options;
  options.start_timeout = milliseconds(200);
  const Result<Invitation> invitation = make_unique_id(options);
  ASSERT_TRUE(invitation.ok());
  const Status status = connect_bootstrap(invitation->id, 1, 2, in(10000)).status();
  EXPECT_EQ(status.code(), Code::kTimeout);
  EXPECT_TRUE(says(status, "rank 0 of 2 has not come; the root waits no longer")) << what(status);
}

// ---- Strangers ----

Endpoint door_of(const UniqueId& id) { return decode(id)->root; }

Fd knock(const UniqueId& id) {
  const Endpoint door = door_of(id);
  Result<Fd> fd = connect_to(door.addresses.back(), door.port, in(5000));
  EXPECT_TRUE(fd.ok()) << fd.status().message();
  return fd.ok() ? std::move(*fd) : Fd();
}

void expect_start(const UniqueId& id, int ranks) {
  for (const Connected& bootstrap : connect_all(id, ranks)) {
    EXPECT_TRUE(bootstrap.ok()) << bootstrap.status().message();
  }
}

TEST(Strangers, DoNotDisturbAStart) {
  const Invitation invitation = invite();
  std::vector<Fd> strangers;
  const auto stranger_says = [&](const std::string& bytes) {
    Fd fd = knock(invitation.id);
    if (fd.is_open()) {
      EXPECT_TRUE(send_exactly(fd, bytes, in(1000)).ok());
    }
    strangers.push_back(std::move(fd));
  };
  stranger_says("");  // silence
  stranger_says("GET / HTTP/1.1\r\nHost: tutti\r\n\r\n" + std::string(200, 'x'));
  stranger_says("TUTTI/1\n");  // half an opening
  stranger_says(std::string(100000, '\xff'));
  stranger_says("TUTTI/1\n" + decode(invitation.id)->job + std::string(16, 'n'));  // and no proof
  stranger_says("TUTTI/1\n" + decode(invitation.id)->job + std::string(16, 'n') +
                std::string(32, 'p'));  // a wrong proof
  knock(invitation.id);                 // a port scan
  expect_start(invitation.id, 3);
}

TEST(Strangers, MayBeManyAndSilent) {
  const Invitation invitation = invite();
  std::vector<Fd> strangers;
  for (int i = 0; i < 700; ++i) strangers.push_back(knock(invitation.id));
  expect_start(invitation.id, 5);
}

TEST(Strangers, LearnNothingWithoutTheSecret) {
  const Invitation invitation = invite();
  Meeting forged = *decode(invitation.id);
  forged.secret[3] ^= 1;
  const Status status = connect_bootstrap(encode(forged), 0, 1, in(5000)).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << what(status);
  EXPECT_TRUE(says(status, "does not know this job's secret")) << what(status);
  expect_start(invitation.id, 2);
}

TEST(Strangers, WithAnIdOfAnotherJobHearSoAndDisturbNobody) {
  const Invitation invitation = invite();
  Meeting other = *decode(invitation.id);
  other.job[0] ^= 1;
  Status status;
  std::thread stranger([&] { status = connect_bootstrap(encode(other), 1, 3, in(5000)).status(); });
  expect_start(invitation.id, 3);
  stranger.join();
  // The start may have been over before the stranger came.
  EXPECT_TRUE(status.code() == Code::kInvalidArgument || status.code() == Code::kPeerLost)
      << what(status);
}

// ---- Failures after the start ----

// All ranks but `absent` call; gives what they heard.
std::vector<Status> all_gather_without(int ranks, int absent, int ms) {
  auto bootstraps = connected(ranks);
  return in_threads<Status>(ranks, [&](int rank) {
    if (rank == absent) return Status();
    return bootstraps[static_cast<std::size_t>(rank)]->all_gather("x", in(ms)).status();
  });
}

TEST(AllGather, NamesTheRankThatDoesNotCome) {
  // Below rank 0, at the bottom, in between, and rank 0 itself.
  for (const int absent : {4, 13, 1, 0}) {
    SCOPED_TRACE(absent);
    const auto begin = steady_clock::now();
    const std::vector<Status> heard = all_gather_without(14, absent, 1000);
    EXPECT_LT(steady_clock::now() - begin, milliseconds(5000));
    for (int rank = 0; rank < 14; ++rank) {
      if (rank == absent) continue;
      const Status& status = heard[static_cast<std::size_t>(rank)];
      EXPECT_EQ(status.code(), Code::kTimeout) << "rank " << rank << ": " << what(status);
      EXPECT_TRUE(says(status, "rank " + std::to_string(absent)) ||
                  says(status, "ranks " + std::to_string(absent)))
          << "rank " << rank << ": " << what(status);
    }
  }
}

TEST(AllGather, NamesTheRankThatHasEnded) {
  for (const int gone : {0, 2, 9}) {
    SCOPED_TRACE(gone);
    auto bootstraps = connected(10);
    bootstraps[static_cast<std::size_t>(gone)].reset();
    const auto heard = in_threads<Status>(10, [&](int rank) {
      if (rank == gone) return Status();
      return bootstraps[static_cast<std::size_t>(rank)]->all_gather("x", in(10000)).status();
    });
    for (int rank = 0; rank < 10; ++rank) {
      if (rank == gone) continue;
      const Status& status = heard[static_cast<std::size_t>(rank)];
      EXPECT_EQ(status.code(), Code::kPeerLost) << "rank " << rank << ": " << what(status);
      EXPECT_TRUE(says(status, "rank " + std::to_string(gone) + " (host "))
          << "rank " << rank << ": " << what(status);
    }
  }
}

TEST(AllGather, AnswersTheSameAfterAFailure) {
  auto bootstraps = connected(2);
  const Status first = bootstraps[0]->all_gather("x", in(100)).status();
  EXPECT_EQ(first.code(), Code::kTimeout);
  EXPECT_EQ(bootstraps[0]->all_gather("x", in(10000)).status(), first);
  EXPECT_EQ(bootstraps[1]->all_gather("x", in(10000)).status(), first);
}

TEST(AllGather, LetsARankLeaveAsSoonAsItHasTheResult) {
  auto bootstraps = connected(9);
  const auto ok = in_threads<bool>(9, [&](int rank) {
    auto mine = std::move(bootstraps[static_cast<std::size_t>(rank)]);
    return mine->all_gather(std::string(100000, 'x'), in(20000)).ok();
  });
  EXPECT_EQ(std::count(ok.begin(), ok.end(), true), 9);
}

// ---- Pieces ----

struct Pair {
  Fd raw;
  Link link;
};

Pair socket_pair(std::size_t frame_limit) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  return {Fd(fds[0]), Link(Fd(fds[1]), "rank 7", frame_limit)};
}

TEST(Link, RefusesAFrameThatIsLongerThanItsLimit) {
  Pair pair = socket_pair(100);
  const std::string header = Writer().u32(101).u8(static_cast<int>(FrameKind::kGo)).take();
  ASSERT_TRUE(send_exactly(pair.raw, header, in(1000)).ok());
  const Status status = pair.link.read_frame().status();
  EXPECT_EQ(status.code(), Code::kSystem);
  EXPECT_TRUE(says(status, "bytes from rank 7 are no frame: length 101 (at most 100)"));
}

TEST(Link, RefusesAKindThatDoesNotExist) {
  for (const int kind : {0, 9, 255}) {
    Pair pair = socket_pair(100);
    ASSERT_TRUE(send_exactly(pair.raw, Writer().u32(0).u8(kind).take(), in(1000)).ok());
    EXPECT_EQ(pair.link.read_frame().status().code(), Code::kSystem) << kind;
  }
}

TEST(Link, PutsFramesTogetherFromSingleBytes) {
  Pair pair = socket_pair(100);
  const std::string bytes =
      Writer().u32(3).u8(static_cast<int>(FrameKind::kJoin)).raw("abc").take();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Result<std::optional<Frame>> early = pair.link.read_frame();
    ASSERT_TRUE(early.ok() && !early->has_value()) << i;
    ASSERT_TRUE(send_exactly(pair.raw, bytes.substr(i, 1), in(1000)).ok());
  }
  Result<std::optional<Frame>> frame = pair.link.read_frame();
  ASSERT_TRUE(frame.ok() && frame->has_value());
  EXPECT_EQ((*frame)->kind, FrameKind::kJoin);
  EXPECT_EQ((*frame)->body, "abc");
  pair.raw = Fd();
  EXPECT_EQ(pair.link.read_frame().status().code(), Code::kPeerLost);
}

TEST(Introductions, SurviveBeingBytesAndNoticeMissingOnes) {
  Hello hello = {3, 8, milliseconds(1234), {"host", 99}, {*resolve("10.0.0.1"), 77}};
  const std::string bytes = encode(hello);
  const std::optional<Hello> decoded = decode_hello(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(describe(decoded->rank, decoded->who), "rank 3 (host host, pid 99)");
  EXPECT_EQ(decoded->patience, hello.patience);
  EXPECT_EQ(decoded->door.to_string(), "10.0.0.1:77");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_hello(bytes.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_hello(bytes + "x").has_value());
}

TEST(DescribeRanks, JoinsRangesAndCutsLongLists) {
  EXPECT_EQ(describe_ranks({5}), "rank 5");
  EXPECT_EQ(describe_ranks({3, 7, 8, 9}), "ranks 3, 7-9");
  std::vector<int> even;
  for (int rank = 0; rank < 100; rank += 2) even.push_back(rank);
  const std::string text = describe_ranks(even);
  EXPECT_TRUE(text.ends_with("36, 38 and 30 more")) << text;
}

TEST(Tree, HasEveryRankOnceBelowItsParent) {
  for (int ranks = 1; ranks <= 90; ++ranks) {
    EXPECT_EQ(tree_below(0, ranks).size(), static_cast<std::size_t>(ranks));
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<int> below = {rank};
      for (const int child : tree_children(rank, ranks)) {
        EXPECT_EQ(tree_parent(child), rank);
        EXPECT_EQ(tree_depth(child), tree_depth(rank) + 1);
        const std::vector<int> more = tree_below(child, ranks);
        below.insert(below.end(), more.begin(), more.end());
      }
      std::sort(below.begin(), below.end());
      EXPECT_EQ(tree_below(rank, ranks), below);
    }
  }
}

}  // namespace
}  // namespace tutti
