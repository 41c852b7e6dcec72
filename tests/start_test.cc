// Tests src/communicator/start.cc: how communicators begin, and why they do not.
//
// ROOMS: communicator
// TIER: fast

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "bootstrap/tcp_bootstrap.h"
#include "bootstrap/wire.h"
#include "communicators.h"

namespace tutti {
namespace {

using namespace test;
using std::chrono::milliseconds;

// What every rank's start answers when each has its own options.
std::vector<Status> start(int ranks, const std::function<Options(int)>& options) {
  Result<Invitation> invitation = make_unique_id({});
  std::vector<Status> answers(ranks);
  run_ranks_as_threads(ranks, [&](int rank) {
    Result<Communicator> comm = Communicator::create(invitation->id, rank, ranks, options(rank));
    answers[rank] = comm.ok() ? comm->barrier() : comm.status();
    return 0;
  });
  return answers;
}

void expect_words(const Status& status, Code code, const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  for (const std::string& word : words) {
    EXPECT_NE(status.message().find(word), std::string::npos)
        << "\"" << word << "\" is not in: " << status.message();
  }
}

TEST(Create, MeetsByAnId) {
  for (const int ranks : {1, 2, 5}) {
    for (const Status& status : start(ranks, [](int) { return patient_options(); })) {
      EXPECT_OK(status);
    }
  }
}

// What a rank of this version says of one that says `text` where it should introduce itself.
Status meet_one_that_says(const std::string& text) {
  const Result<Invitation> invitation = make_unique_id({});
  const Deadline deadline = std::chrono::steady_clock::now() + milliseconds(20'000);
  std::vector<Status> answers(2);
  run_ranks_as_threads(2, [&](int rank) {
    if (rank == 0) {
      answers[0] = Communicator::create(invitation->id, 0, 2, patient_options()).status();
      return 0;
    }
    const auto bootstrap = connect_bootstrap(invitation->id, 1, 2, deadline);
    answers[1] =
        bootstrap.ok() ? (*bootstrap)->all_gather(text, deadline).status() : bootstrap.status();
    return 0;
  });
  EXPECT_OK(answers[1]);
  return answers[0];
}

TEST(Create, NamesAPeerOfAnotherVersion) {
  const std::string next = Writer().text("tutti 9.8.7").u64(1).take();
  expect_words(meet_one_that_says(next), Code::kMismatch,
               {"rank 1 runs tutti 9.8.7", "expected tutti"});
  expect_words(meet_one_that_says(""), Code::kMismatch, {"rank 1 runs something else"});
  expect_words(meet_one_that_says(std::string(500, '\xff')), Code::kMismatch,
               {"rank 1 runs something else"});
}

struct Setting {
  const char* name;
  std::function<void(Options&)> set;
  std::string words;
};

TEST(Create, RefusesOptionsThatDifferBetweenRanks) {
  const std::vector<Setting> settings = {
      {"reproducible", [](Options& o) { o.reproducible = true; }, "reproducible 1"},
      {"algorithm", [](Options& o) { o.algorithm = "ring"; }, "algorithm \"ring\""},
      {"tile", [](Options& o) { o.tile_bytes = 4096; }, "tile_bytes 4096"},
      {"lanes", [](Options& o) { o.lanes = 5; }, "lanes 5"},
      {"scratch", [](Options& o) { o.scratch_bytes = 1 << 20; }, "scratch_bytes 1048576"},
  };
  for (const Setting& setting : settings) {
    SCOPED_TRACE(setting.name);
    const std::vector<Status> answers = start(3, [&](int rank) {
      Options options = patient_options();
      if (rank == 2) setting.set(options);
      return options;
    });
    for (const Status& status : answers) {
      expect_words(status, Code::kMismatch, {"rank 0 has", "rank 2 has", setting.words});
    }
  }
}

// These may differ: each rank's own affair.
TEST(Create, TakesOwnOptionsOfRanks) {
  const std::vector<Status> answers = start(3, [](int rank) {
    Options options = patient_options();
    options.isa = rank == 1 ? "portable" : "";
    options.call_timeout += milliseconds(rank);
    options.heap_bytes = std::size_t{1} << (20 + rank);
    options.log_level = rank;
    return options;
  });
  for (const Status& status : answers) EXPECT_OK(status);
}

TEST(Create, TellsEveryRankOfAWrongOptionOfOne) {
  const std::vector<Setting> settings = {
      {"lanes", [](Options& o) { o.lanes = 17; }, "lanes: 17: expected 0 to 16"},
      {"negative", [](Options& o) { o.lanes = -1; }, "lanes: -1: expected 0 to 16"},
      {"scratch", [](Options& o) { o.scratch_bytes = 1000; }, "scratch_bytes: 1000: expected 64K"},
      {"tile", [](Options& o) { o.tile_bytes = 63; }, "tile_bytes: 63: expected at least 64"},
      {"heap", [](Options& o) { o.heap_bytes = std::size_t{5} << 40; }, "heap_bytes: 54975"},
      {"isa", [](Options& o) { o.isa = "sse9"; }, "isa: \"sse9\": expected portable"},
      {"algorithm", [](Options& o) { o.algorithm = "fast"; }, "\"fast\" names no algorithm"},
      {"timeout", [](Options& o) { o.call_timeout = milliseconds(0); }, "timeouts: expected more"},
  };
  for (const Setting& setting : settings) {
    SCOPED_TRACE(setting.name);
    const std::vector<Status> answers = start(3, [&](int rank) {
      Options options = patient_options();
      if (rank == 1) setting.set(options);
      return options;
    });
    for (int rank = 0; rank < 3; ++rank) {
      expect_words(answers[rank], Code::kInvalidArgument, {"option ", setting.words});
      EXPECT_EQ(answers[rank].message().find("(on rank 1)") == std::string::npos, rank == 1);
    }
  }
}

TEST(Create, WithAnIdOfAnotherJobEndsByTheDeadline) {
  Result<Invitation> ours = make_unique_id({}), theirs = make_unique_id({});
  Options options = patient_options();
  options.start_timeout = milliseconds(500);
  std::vector<Status> answers(3);
  run_ranks_as_threads(3, [&](int rank) {
    const UniqueId& id = rank == 2 ? theirs->id : ours->id;
    answers[rank] = Communicator::create(id, rank, 3, options).status();
    return 0;
  });
  for (const Status& status : answers) EXPECT_EQ(status.code(), Code::kTimeout);
  expect_words(answers[0], Code::kTimeout, {"2"});
}

TEST(Create, RefusesImpossibleRanks) {
  Result<Invitation> invitation = make_unique_id({});
  ASSERT_OK(invitation.status());
  Options options = patient_options();
  options.start_timeout = milliseconds(500);
  for (const auto& [rank, ranks] :
       std::vector<std::pair<int, int>>{{-1, 2}, {2, 2}, {0, 0}, {0, -3}}) {
    const Status status = Communicator::create(invitation->id, rank, ranks, options).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument)
        << rank << " of " << ranks << ": " << status.to_string();
  }
  EXPECT_EQ(Communicator::create(UniqueId(), 0, 2, options).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Communicator::threads(0, options).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Communicator::threads(5000, options).status().code(), Code::kInvalidArgument);
}

TEST(Create, NamesTheRankThatNeverComes) {
  Result<Invitation> invitation = make_unique_id({});
  Options options = patient_options();
  options.start_timeout = milliseconds(400);
  std::vector<Status> answers(2);
  run_ranks_as_threads(2, [&](int rank) {
    answers[rank] = Communicator::create(invitation->id, rank, 3, options).status();
    return 0;
  });
  for (const Status& status : answers) expect_words(status, Code::kTimeout, {"2"});
}

TEST(FromEnvironment, NamesAWrongSetting) {
  setenv("TUTTI_LANES", "many", 1);
  const Status status = Communicator::from_environment().status();
  expect_words(status, Code::kInvalidArgument, {"TUTTI_LANES=many: expected a whole number"});
  unsetenv("TUTTI_LANES");
}

TEST(Threads, MakeManyCommunicatorsAtOnce) {
  std::vector<std::vector<Communicator>> all;
  for (int i = 0; i < 20; ++i) {
    Result<std::vector<Communicator>> made = Communicator::threads(3, patient_options());
    ASSERT_OK(made.status());
    all.push_back(std::move(*made));
  }
  run_ranks_as_threads(3, [&](int rank) {
    for (std::vector<Communicator>& comm : all) {
      EXPECT_EQ(comm[rank].rank(), rank);
      EXPECT_OK(comm[rank].barrier());
    }
    return 0;
  });
}

// The heap's default is as much as the machine has, which several communicators share out.
TEST(Defaults, LetManyCommunicatorsLiveInOneProcess) {
  std::vector<std::vector<Communicator>> all;
  for (int i = 0; i < 10; ++i) {
    Result<std::vector<Communicator>> made = Communicator::threads(4);
    ASSERT_OK(made.status());
    all.push_back(std::move(*made));
  }
}

}  // namespace
}  // namespace tutti
