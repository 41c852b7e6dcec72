// Tests src/bootstrap/{launcher,connect_launched,pmix_session}.cc: made-up environments; torchrun's
// convention between threads; and this program itself started by mpirun, on one host and on two
// that are the same, where there is an mpirun.
//
// ROOMS: bootstrap

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "bootstrap/launcher.h"
#include "bootstrap/pmix_session.h"
#include "bootstrap/socket.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Map = std::map<std::string, std::string, std::less<>>;

Deadline in(int ms) { return steady_clock::now() + milliseconds(ms); }

Environment environment_of(Map map) {
  return [map = std::move(map)](std::string_view name) -> std::optional<std::string> {
    const auto found = map.find(name);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<LauncherFacts> detect(const Map& map) { return detect_launcher(environment_of(map)); }

Map with(Map map, const std::string& name, const std::string& value) {
  map[name] = value;
  return map;
}

Map without(Map map, const std::string& name) {
  map.erase(name);
  return map;
}

// What torchrun sets.
const Map kTorchrun = {{"RANK", "3"},
                       {"WORLD_SIZE", "8"},
                       {"LOCAL_RANK", "1"},
                       {"LOCAL_WORLD_SIZE", "2"},
                       {"MASTER_ADDR", "127.0.0.1"},
                       {"MASTER_PORT", "29500"},
                       {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                       {"TORCHELASTIC_RUN_ID", "run 7"}};
const Map kPmix = {{"PMIX_RANK", "2"}, {"PMIX_NAMESPACE", "1930887169"}};

// ---- Detection ----

TEST(DetectLauncher, FindsNone) {
  const Result<LauncherFacts> facts = detect({{"HOME", "/root"}, {"RANK", "5"}});
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts->kind, Launcher::kNone);
  EXPECT_EQ(facts->rank, 0);
  EXPECT_EQ(facts->ranks, 1);
}

TEST(DetectLauncher, FindsTorchrun) {
  const Result<LauncherFacts> facts = detect(kTorchrun);
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts->kind, Launcher::kTorchrun);
  EXPECT_EQ(facts->rank, 3);
  EXPECT_EQ(facts->ranks, 8);
  EXPECT_EQ(facts->local_rank, 1);
  EXPECT_EQ(facts->local_ranks, 2);
  EXPECT_EQ(facts->master_host, "127.0.0.1");
  EXPECT_EQ(facts->master_port, 29500);
  EXPECT_TRUE(facts->agent_store);
  EXPECT_EQ(facts->name_space, "run 7");
}

TEST(DetectLauncher, FindsTorchrunsConventionWithoutTorchrun) {
  Map map = kTorchrun;
  for (const char* name :
       {"LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RUN_ID"}) {
    map.erase(name);
  }
  const Result<LauncherFacts> facts = detect(map);
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts->kind, Launcher::kTorchrun);
  EXPECT_EQ(facts->local_rank, -1);
  EXPECT_FALSE(facts->agent_store);
}

TEST(DetectLauncher, FindsPmix) {
  const Result<LauncherFacts> facts = detect(kPmix);
  ASSERT_TRUE(facts.ok()) << facts.status().message();
  EXPECT_EQ(facts->kind, Launcher::kPmix);
  EXPECT_EQ(facts->rank, 2);
  EXPECT_EQ(facts->name_space, "1930887169");
  EXPECT_EQ(facts->local_rank, -1);
  EXPECT_EQ(detect(with(kPmix, "OMPI_COMM_WORLD_LOCAL_RANK", "1"))->local_rank, 1);
  EXPECT_EQ(detect(with(kPmix, "SLURM_LOCALID", "3"))->local_rank, 3);
}

TEST(DetectLauncher, TakesTheInnermostOfTwo) {
  Map both = kTorchrun;
  both.insert(kPmix.begin(), kPmix.end());
  EXPECT_EQ(detect(both)->kind, Launcher::kTorchrun);  // torchrun started by srun
  EXPECT_EQ(detect(without(both, "TORCHELASTIC_RUN_ID"))->kind, Launcher::kPmix);  // by mpirun
}

TEST(DetectLauncher, NamesVariableValueAndExpectation) {
  const auto why = [](const Map& map) {
    const Status status = detect(map).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(why(with(kTorchrun, "RANK", "x")),
            "RANK='x' in the environment: expected a whole number from 0 to 7 (one less than the "
            "number of ranks)");
  EXPECT_NE(why(with(kTorchrun, "RANK", "8")).find("RANK='8'"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "RANK", "-1")).find("RANK='-1'"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "RANK", "3 ")).find("RANK='3 '"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "RANK", "")).find("RANK=''"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "WORLD_SIZE", "0")).find("WORLD_SIZE='0'"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "WORLD_SIZE", "9e9")).find("WORLD_SIZE='9e9'"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "LOCAL_RANK", "2")).find("LOCAL_RANK='2'"), std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "MASTER_PORT", "65535")).find("MASTER_PORT='65535'"),
            std::string::npos);
  EXPECT_NE(why(with(kTorchrun, "MASTER_ADDR", "")).find("MASTER_ADDR=''"), std::string::npos);
  EXPECT_NE(why(without(kTorchrun, "RANK")).find("RANK is not set"), std::string::npos);
  EXPECT_NE(why(without(kTorchrun, "MASTER_PORT")).find("MASTER_PORT is not set"),
            std::string::npos);
  EXPECT_NE(why(with(kPmix, "PMIX_RANK", "two")).find("PMIX_RANK='two'"), std::string::npos);
  EXPECT_NE(why(without(kPmix, "PMIX_NAMESPACE")).find("PMIX_NAMESPACE=''"), std::string::npos);
}

TEST(DetectLauncher, SaysWhatToDoWhereRanksCannotMeet) {
  const Status slurm = detect({{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}}).status();
  EXPECT_EQ(slurm.code(), Code::kNotSupported);
  EXPECT_NE(slurm.message().find("srun --mpi=pmix"), std::string::npos);
  const Status mpich = detect({{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}}).status();
  EXPECT_EQ(mpich.code(), Code::kNotSupported);
  // One task is no reason to refuse.
  EXPECT_EQ(detect({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}})->kind, Launcher::kNone);
}

// ---- A single rank, and torchrun ----

TEST(ConnectLaunched, IsASingleRankWithoutALauncher) {
  Result<Launched> launched = connect_launched({}, in(1000));
  ASSERT_TRUE(launched.ok()) << launched.status().message();
  EXPECT_EQ(*launched->bootstrap->all_gather("alone", in(1000)), std::vector<std::string>{"alone"});
}

// Two consecutive ports that were free a moment ago.
int free_port() {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const Result<Fd> first = listen_on(nullptr, 0);
    if (!first.ok() || port_of(*first) > 65000) continue;
    const Result<Fd> second = listen_on(nullptr, static_cast<std::uint16_t>(port_of(*first) + 1));
    if (second.ok()) return port_of(*first);
  }
  return 0;
}

LauncherFacts torchrun(int rank, int ranks, int port) {
  Map map =
      with(with(kTorchrun, "RANK", std::to_string(rank)), "WORLD_SIZE", std::to_string(ranks));
  return *detect(with(without(without(map, "LOCAL_RANK"), "LOCAL_WORLD_SIZE"), "MASTER_PORT",
                      std::to_string(port)));
}

std::vector<std::string> meet_as_torchrun_does(std::vector<LauncherFacts> all, int ms) {
  std::vector<std::string> heard(all.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] {
      // Rank 0 is late: the others must wait for its listener.
      if (all[i].rank == 0) std::this_thread::sleep_for(milliseconds(100));
      Result<Launched> launched = connect_launched(all[i], in(ms));
      if (!launched.ok()) {
        heard[i] = launched.status().to_string();
        return;
      }
      auto gathered = launched->bootstrap->all_gather(std::to_string(all[i].rank), in(ms));
      if (!gathered.ok()) heard[i] = gathered.status().to_string();
      for (const std::string& value : gathered.ok() ? *gathered : std::vector<std::string>()) {
        heard[i] += value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return heard;
}

TEST(Torchrun, RanksMeetAtRankZerosPortAgainAndAgain) {
  const int port = free_port();
  for (const bool agent_store : {true, false, false}) {
    std::vector<LauncherFacts> all;
    for (int rank = 0; rank < 5; ++rank) {
      all.push_back(torchrun(rank, 5, port));
      all.back().agent_store = agent_store;
    }
    // With the agent's store there, MASTER_PORT is taken.
    const Result<Fd> store =
        agent_store ? listen_on(nullptr, static_cast<std::uint16_t>(port)) : Result<Fd>(Fd());
    ASSERT_TRUE(store.ok());
    EXPECT_EQ(meet_as_torchrun_does(all, 10000), std::vector<std::string>(5, "01234"));
  }
}

TEST(Torchrun, NamesRankZeroWhenItDoesNotCome) {
  const int port = free_port();
  for (const std::string& heard :
       meet_as_torchrun_does({torchrun(1, 3, port), torchrun(2, 3, port)}, 400)) {
    EXPECT_NE(heard.find("rank 0 has not answered in time"), std::string::npos) << heard;
    EXPECT_NE(heard.find(std::to_string(port + 1)), std::string::npos) << heard;
  }
}

TEST(Torchrun, KeepsAnotherRunAway) {
  const int port = free_port();
  LauncherFacts stranger = torchrun(1, 2, port);
  stranger.name_space = "run 8";
  const auto heard = meet_as_torchrun_does({torchrun(0, 2, port), stranger}, 600);
  EXPECT_NE(heard[0].find("rank 1 of 2 has not come"), std::string::npos) << heard[0];
  EXPECT_NE(heard[1].find("rank 0 has not answered in time"), std::string::npos) << heard[1];
}

TEST(Torchrun, SaysThatItsPortIsTaken) {
  const int port = free_port();
  const Result<Fd> other = listen_on(nullptr, static_cast<std::uint16_t>(port + 1));
  ASSERT_TRUE(other.ok());
  const Status status = connect_launched(torchrun(0, 2, port), in(1000)).status();
  EXPECT_EQ(status.code(), Code::kSystem);
  EXPECT_NE(status.message().find("MASTER_PORT + 1"), std::string::npos) << status.message();
}

// ---- mpirun ----

std::string own_path;

struct Outcome {
  int exit_code = -1;
  std::string output;

  int count(const std::string& line) const {
    int found = 0;
    for (std::size_t at = 0; (at = output.find(line, at)) != std::string::npos; ++at) ++found;
    return found;
  }
};

Outcome run(const std::string& command) {
  Outcome result;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    result.output.append(buffer, size);
  }
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

bool have_mpirun() { return run("mpirun --version").output.find("Open MPI") != std::string::npos; }

// libpmix 4.2 leaks some hundred bytes a process, which is not for a leak sanitizer to report here.
Outcome mpirun(const std::string& options, const std::string& what) {
  return run("LSAN_OPTIONS=detect_leaks=0 timeout 60 mpirun -x LSAN_OPTIONS --allow-run-as-root " +
             std::string("--oversubscribe ") + options + " " + own_path + " --as-rank " + what);
}

// Without a server there is another error.
bool have_pmix() { return PmixSession::open().status().code() != Code::kNotSupported; }

#define SKIP_WITHOUT_MPIRUN()                                               \
  if (!have_mpirun()) GTEST_SKIP() << "Open MPI's mpirun is not installed"; \
  if (!have_pmix()) GTEST_SKIP() << PmixSession::open().status().message()

TEST(Pmix, SaysThatNoServerAnswersOrWhatIsMissing) {
  const LauncherFacts facts = *detect(kPmix);
  const Status status = connect_launched(facts, in(2000)).status();
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(status.message().find("no PMIx server answers") != std::string::npos ||
              status.code() == Code::kNotSupported)
      << status.to_string();
}

TEST(Mpirun, RanksMeetAgainAndAgain) {
  SKIP_WITHOUT_MPIRUN();
  const Outcome four = mpirun("-n 4", "meet");
  EXPECT_EQ(four.exit_code, 0) << four.output;
  EXPECT_EQ(four.count("met 3 times as 4"), 4) << four.output;
}

// Two daemons, that think that they are on two hosts: PMIx must carry the id from one to the other.
TEST(Mpirun, RanksMeetAcrossHosts) {
  SKIP_WITHOUT_MPIRUN();
  const std::filesystem::path agent =
      std::filesystem::temp_directory_path() / ("tutti_launch_" + std::to_string(getpid()));
  std::ofstream(agent) << "#!/bin/sh\n"
                          "while [ \"${1#-}\" != \"$1\" ]; do shift; done\n"
                          "shift\n"
                          "exec sh -c \"$*\"\n";
  std::filesystem::permissions(agent, std::filesystem::perms::owner_all);
  // Open MPI 4.1 sometimes fails to start its own daemons on hosts that are one machine: that is
  // not what is tested.
  Outcome two;
  for (int attempt = 0; attempt < 8; ++attempt) {
    two = mpirun("-n 4 --mca routed direct --mca plm_rsh_agent " + agent.string() +
                     " -host first:2,second:2",
                 "meet");
    if (two.count("ORTE") == 0) break;
  }
  std::filesystem::remove(agent);
  EXPECT_EQ(two.exit_code, 0) << two.output;
  EXPECT_EQ(two.count("met 3 times as 4"), 4) << two.output;
}

TEST(Mpirun, NamesTheRankThatDoesNotCome) {
  SKIP_WITHOUT_MPIRUN();
  for (const int absent : {2, 0}) {
    const auto begin = steady_clock::now();
    const Outcome three = mpirun("-n 3", "absent " + std::to_string(absent));
    EXPECT_LT(steady_clock::now() - begin, milliseconds(10000));
    EXPECT_EQ(three.count("heard timeout: rank " + std::to_string(absent)), 2) << three.output;
  }
}

// ---- This program as one of mpirun's ranks ----

Environment real_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

// Three starts one after the other: the second must not take up the first one's id.
int meet(const LauncherFacts& facts) {
  for (int start = 0; start < 3; ++start) {
    Result<Launched> launched = connect_launched(facts, in(20000));
    if (!launched.ok()) {
      std::printf("start %d: %s\n", start, launched.status().to_string().c_str());
      return 1;
    }
    auto gathered = launched->bootstrap->all_gather(std::to_string(start), in(20000));
    const auto ranks = static_cast<std::size_t>(launched->facts.ranks);
    if (!gathered.ok() || *gathered != std::vector<std::string>(ranks, std::to_string(start))) {
      std::printf("start %d: %s\n", start, gathered.status().to_string().c_str());
      return 1;
    }
    if (launched->facts.local_rank < 0 || launched->facts.local_ranks < 1) return 2;
    if (start == 2) std::printf("met 3 times as %d\n", launched->facts.ranks);
  }
  return 0;
}

// The absent rank does what mpirun wants of every process, and too late.
int hear_without(const LauncherFacts& facts, int absent) {
  if (facts.rank == absent) {
    std::this_thread::sleep_for(milliseconds(2000));
    return connect_launched(facts, in(1)).ok() ? 1 : 0;
  }
  const Status status = connect_launched(facts, in(1500)).status();
  std::printf("heard %s\n", status.to_string().c_str());
  return 0;
}

int live_as_rank(const std::vector<std::string>& arguments) {
  const Result<LauncherFacts> facts = detect_launcher(real_environment());
  if (!facts.ok()) {
    std::printf("%s\n", facts.status().to_string().c_str());
    return 1;
  }
  if (arguments.at(0) == "meet") return meet(*facts);
  return hear_without(*facts, std::stoi(arguments.at(1)));
}

}  // namespace
}  // namespace tutti

int main(int argc, char** argv) {
  if (argc > 2 && std::string(argv[1]) == "--as-rank") {
    return tutti::live_as_rank({argv + 2, argv + argc});
  }
  tutti::own_path = std::filesystem::absolute(argv[0]).string();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
