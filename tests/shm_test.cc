// Shared memory: how ranks join, what may go wrong, and that nothing is left behind.
//
// ROOMS: shm
// TIER: fast

#include "transports/shm/shm.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <set>

#include "bootstrap/host.h"
#include "bootstrap/thread_bootstrap.h"
#include "files/handover.h"
#include "pipe_bootstrap.h"
#include "processes.h"
#include "transports/shm/memory.h"
#include "transports/shm/process.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::died_of;
using Codes = std::vector<int>;

constexpr std::size_t kGiB = std::size_t{1} << 30;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // its shadow memory has no room for terabytes
#else
constexpr bool kSanitized = false;
#endif

Deadline soon() { return Clock::now() + 10s; }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::set<std::string> names_in(const char* folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path());
  return names;
}

// Forked ranks that join with a window each; `use` gets what make_shm_transport answered.
using Use = std::function<void(int rank, Result<std::unique_ptr<Transport>>& transport)>;
Codes run_processes(int ranks, std::size_t window_bytes, const std::function<void(int)>& prepare,
                    const Use& use) {
  const test::PipeWires wires(ranks);
  return test::run_ranks_as_processes(ranks, [&](int rank) {
    test::PipeBootstrap bootstrap(wires, rank);
    prepare(rank);
    auto transport = make_shm_transport(bootstrap, window_bytes, soon());
    use(rank, transport);
    return 0;
  });
}

void expect_failure(const Result<std::unique_ptr<Transport>>& transport, Code code,
                    const std::string& part) {
  ASSERT_FALSE(transport.ok());
  EXPECT_EQ(transport.status().code(), code) << transport.status().to_string();
  EXPECT_TRUE(contains(transport.status().message(), part)) << transport.status().to_string();
}

// Sends a line to the right, and waits for the one from the left.
void shake_hands(Transport& transport) {
  const int right = (transport.rank() + 1) % transport.ranks();
  const int left = (transport.rank() + transport.ranks() - 1) % transport.ranks();
  ASSERT_TRUE(transport.signal(right, 0, {.flag = 1, .signature = 0, .payload = {}}).ok());
  const Status status = wait(transport, left, 0, 1, soon());
  ASSERT_TRUE(status.ok()) << status.to_string();
}

// A mount namespace with a /dev/shm of its own, of one page. False where that is not allowed.
bool shrink_dev_shm() {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4k") == 0;
}

// Ranks that shake hands, touch a megabyte, and are killed.
Codes run_and_be_killed(int ranks) {
  return run_processes(
      ranks, kGiB, [](int) {},
      [](int, auto& transport) {
        ASSERT_TRUE(transport.ok()) << transport.status().to_string();
        std::memset((*transport)->window().data() + 4096, 1, 1 << 20);
        shake_hands(**transport);
        EXPECT_TRUE(names_in("/dev/shm").empty());
        raise(SIGKILL);
      });
}

TEST(Shm, NeedsNoRoomInDevShmAndLeavesNothingThereWhenKilled) {
  constexpr int kNotAllowed = 77;
  const Codes codes = test::run_ranks_as_processes(1, [](int) {
    if (!shrink_dev_shm()) return kNotAllowed;
    EXPECT_EQ(run_and_be_killed(3), Codes(3, died_of(SIGKILL)));
    EXPECT_TRUE(names_in("/dev/shm").empty());
    return 0;
  });
  if (codes == Codes{kNotAllowed}) GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(codes, Codes{0});
}

// No file and no socket: an abstract name lasts as long as a descriptor of it.
TEST(Shm, JoiningLeavesNoDescriptorOpen) {
  std::size_t before = 0;  // in each child
  const Codes codes = run_processes(
      3, kGiB, [&](int) { before = names_in("/proc/self/fd").size(); },
      [&](int, auto& transport) {
        ASSERT_TRUE(transport.ok()) << transport.status().to_string();
        EXPECT_EQ(names_in("/proc/self/fd").size(), before);
        shake_hands(**transport);
      });
  EXPECT_EQ(codes, Codes(3, 0));
}

// Windows far larger than the machine's memory: only what is touched exists.
TEST(Shm, WindowsOfManyGigabytesCostOnlyWhatIsTouched) {
  const std::size_t window = kSanitized ? kGiB : 32 * kGiB;
  const Codes codes = run_processes(
      4, window, [](int) {},
      [&](int rank, auto& transport) {
        ASSERT_TRUE(transport.ok()) << transport.status().to_string();
        Transport& t = **transport;
        const std::byte sent{static_cast<unsigned char>(rank + 1)};
        ASSERT_TRUE(t.put((rank + 1) % 4, std::span(&sent, 1), window - 1).ok());
        shake_hands(t);
        EXPECT_EQ(t.window()[window - 1], std::byte((rank + 3) % 4 + 1));
      });
  EXPECT_EQ(codes, Codes(4, 0));
}

TEST(Shm, TwoHundredAndFiftySixWindowsOf32GiBFitAnAddressSpace) {
  if (kSanitized) GTEST_SKIP() << "shadow memory has no room";
  const auto layout = shm::Layout::make(256, 32 * kGiB);
  ASSERT_TRUE(layout.ok()) << layout.status().to_string();
  EXPECT_EQ(layout->to_string(), "8 TiB (256 ranks x 32 GiB)");
  const auto file = shm::create_memory(*layout);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  const auto mapping = shm::Mapping::map(*file, *layout);
  ASSERT_TRUE(mapping.ok()) << mapping.status().to_string();
  (*mapping)->window(255).back() = std::byte{1};
  EXPECT_EQ((*mapping)->window(0)[0], std::byte{0});
  EXPECT_NE(ftruncate(file->number(), 0), 0) << "the file must be sealed";
}

TEST(Shm, AWindowNoAddressSpaceCanHoldIsAnInvalidArgument) {
  for (const std::size_t window : {std::size_t{0}, ~std::size_t{0}, 1024 * 1024 * kGiB}) {
    const auto layout = shm::Layout::make(2, window);
    ASSERT_FALSE(layout.ok());
    EXPECT_EQ(layout.status().code(), Code::kInvalidArgument);
    EXPECT_TRUE(contains(layout.status().message(), "2 ranks")) << layout.status().message();
  }
}

// Processes of two threads each, all in one group.
TEST(Shm, RanksMayBeThreadsOfSeveralProcesses) {
  // Bootstraps made before the fork: each child uses those of its two ranks.
  const test::PipeWires wires(4);
  const Codes codes = test::run_ranks_as_processes(2, [&](int process) {
    const Codes inner = test::run_ranks_as_threads(2, [&](int thread) {
      test::PipeBootstrap bootstrap(wires, 2 * process + thread);
      auto transport = make_shm_transport(bootstrap, 1 << 20, soon());
      EXPECT_TRUE(transport.ok()) << transport.status().to_string();
      if (!transport.ok()) return 1;
      shake_hands(**transport);
      EXPECT_TRUE((*transport)->check(2 * process + 1 - thread).ok());
      EXPECT_TRUE((*transport)->check(2 * (1 - process)).ok());
      return bootstrap.all_gather("", soon()).ok() ? 0 : 1;
    });
    return inner[0] + inner[1];
  });
  EXPECT_EQ(codes, Codes(2, 0));
}

// So that ThreadSanitizer sees accesses of two ranks as accesses to one place.
TEST(Shm, ThreadsOfOneProcessShareOneMapping) {
  const auto bootstraps = make_thread_bootstraps(3);
  std::vector<std::byte*> first(3);
  test::run_ranks_as_threads(3, [&](int rank) {
    auto transport = make_shm_transport(*bootstraps[rank], 4096, soon());
    EXPECT_TRUE(transport.ok()) << transport.status().to_string();
    if (transport.ok()) first[rank] = (*transport)->map(0);
    return bootstraps[rank]->all_gather("", soon()).ok() ? 0 : 1;
  });
  EXPECT_NE(first[0], nullptr);
  EXPECT_EQ(first, std::vector<std::byte*>(3, first[0]));
}

TEST(Shm, DifferentWindowsAreAMismatchOnEveryRank) {
  const auto bootstraps = make_thread_bootstraps(3);
  test::run_ranks_as_threads(3, [&](int rank) {
    auto transport = make_shm_transport(*bootstraps[rank], rank == 2 ? 8192 : 4096, soon());
    expect_failure(transport, Code::kMismatch, "windows of 4096 bytes, rank 2 of 8192");
    return 0;
  });
}

TEST(Shm, AMissingRankEndsTheStartAtTheDeadline) {
  const auto bootstraps = make_thread_bootstraps(2);
  const auto start = Clock::now();
  const auto transport = make_shm_transport(*bootstraps[0], 4096, start + 200ms);
  expect_failure(transport, Code::kTimeout, "1");
  EXPECT_LT(Clock::now() - start, 2s);
}

void limit(int resource, rlim_t value) {
  const rlimit both = {value, value};
  ASSERT_EQ(setrlimit(static_cast<__rlimit_resource_t>(resource), &both), 0);
}

// ftruncate beyond this limit would end rank 0 by a signal, and the others at their deadline.
TEST(Shm, ALimitOnFileSizeIsAnErrorOnEveryRankWithTheSizes) {
  const Codes codes = run_processes(
      3, kGiB,
      [](int rank) {
        if (rank == 0) limit(RLIMIT_FSIZE, 1 << 20);
      },
      [](int, auto& transport) {
        expect_failure(transport, Code::kSystem,
                       "rank 0: cannot create 3 GiB (3 ranks x 1 GiB) of shared memory; the limit "
                       "(ulimit -f) is 1 MiB: File too large");
      });
  EXPECT_EQ(codes, Codes(3, 0));
}

TEST(Shm, ALimitOnAddressSpaceIsAnErrorOnEveryRankAtOnce) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need the address space";
  const auto start = Clock::now();
  const Codes codes = run_processes(
      3, 4 * kGiB,
      [](int rank) {
        if (rank == 2) limit(RLIMIT_AS, 2 * kGiB);
      },
      [](int, auto& transport) {
        expect_failure(transport, Code::kSystem,
                       "rank 2: cannot map 12 GiB (3 ranks x 4 GiB) of shared memory; the limit "
                       "(ulimit -v) is 2 GiB: Cannot allocate memory");
      });
  EXPECT_EQ(codes, Codes(3, 0));
  EXPECT_LT(Clock::now() - start, 5s) << "the others waited for a rank that had failed";
}

TEST(Shm, NoDescriptorLeftIsAnErrorOnEveryRankAtOnce) {
  const auto start = Clock::now();
  const Codes codes = run_processes(
      2, 4096,
      [](int rank) {
        // Enough to read /proc, but the socket and the memory do not both fit.
        if (rank != 1) return;
        const int next = dup(0);
        close(next);
        limit(RLIMIT_NOFILE, static_cast<rlim_t>(next) + 1);
      },
      [](int, auto& transport) { expect_failure(transport, Code::kSystem, "rank 1: no desc"); });
  EXPECT_EQ(codes, Codes(2, 0));
  EXPECT_LT(Clock::now() - start, 5s);
}

TEST(Shm, RanksOnDifferentHostsAreNotSupported) {
  const auto here = this_host();
  ASSERT_TRUE(here.ok()) << here.status().to_string();
  EXPECT_TRUE(check_same_host(0, *here, 3, *here).ok());

  Host there = *here;
  std::strcpy(there.name, "elsewhere");
  there.boot_id[0] ^= 1;
  const Status status = check_same_host(0, *here, 3, there);
  EXPECT_EQ(status.code(), Code::kNotSupported);
  EXPECT_TRUE(contains(status.message(), "rank 3 on host elsewhere: expected ranks of one"))
      << status.message();

  there = *here;
  there.pid_namespace ^= 1;
  EXPECT_TRUE(contains(check_same_host(0, *here, 3, there).message(), "pid namespace"));
}

TEST(Shm, AnotherNetworkNamespaceIsAnotherHost) {
  const Codes codes = test::run_ranks_as_processes(
      1, [](int) { return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? 0 : 1; });
  if (codes != Codes{0}) GTEST_SKIP() << "this user may not make namespaces";
  EXPECT_EQ(
      run_processes(
          2, 4096,
          [](int rank) { EXPECT_EQ(rank == 1 ? unshare(CLONE_NEWUSER | CLONE_NEWNET) : 0, 0); },
          [](int, auto& transport) {
            expect_failure(transport, Code::kNotSupported, "network namespace");
          }),
      Codes(2, 0));
}

TEST(ProcessWatch, KnowsAZombieIsDeadAndAnotherProcessIsNotTheOne) {
  test::RankProcesses child(1, [](int) {
    std::this_thread::sleep_for(60s);
    return 0;
  });
  const auto here = shm::this_process();
  ASSERT_TRUE(here.ok()) << here.status().to_string();
  EXPECT_TRUE(shm::ProcessWatch(*here).alive());
  shm::ProcessId reused = *here;
  reused.start -= 1;  // an earlier process that had this number
  EXPECT_FALSE(shm::ProcessWatch(reused).alive());

  // Forked within a clock tick or a few: find the child's start by trying.
  std::optional<shm::ProcessId> id;
  for (std::uint64_t ticks = 0; ticks < 100'000 && !id; ++ticks) {
    const shm::ProcessId guess{child.pid(0), here->start + ticks};
    if (shm::ProcessWatch(guess).alive()) id = guess;
  }
  ASSERT_TRUE(id.has_value());
  const shm::ProcessWatch watch(*id);
  EXPECT_TRUE(watch.alive());
  child.kill(0);
  for (const Deadline limit = soon(); watch.alive() && Clock::now() < limit;) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_FALSE(watch.alive());                   // a zombie: not reaped yet
  EXPECT_FALSE(shm::ProcessWatch(*id).alive());  // also for who asks only now
  child.wait(10s);
  EXPECT_FALSE(watch.alive());
}

// A connection to an abstract socket, as a stranger makes it.
Descriptor connect_to(const std::string& name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  Descriptor connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  EXPECT_EQ(connect(connection.number(), reinterpret_cast<sockaddr*>(&address), size), 0)
      << std::strerror(errno);
  const timeval patience = {5, 0};
  setsockopt(connection.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return connection;
}

// Lets a stranger in between the first all-gather, when rank 0 begins to serve, and the rest. The
// stranger knows the socket's name, as anyone does who reads /proc/net/unix.
class DisturbedBootstrap final : public Bootstrap {
 public:
  using Disturb = std::function<void(const std::string& name)>;

  DisturbedBootstrap(Bootstrap& bootstrap, Disturb disturb)
      : bootstrap_(bootstrap), disturb_(std::move(disturb)) {}

  int rank() const override { return bootstrap_.rank(); }
  int ranks() const override { return bootstrap_.ranks(); }
  Result<std::vector<std::string>> all_gather(const std::string& mine, Deadline deadline) override {
    auto all = bootstrap_.all_gather(mine, deadline);
    if (!all.ok() || !disturb_) return all;
    const std::size_t name = (*all)[0].find("tutti-");
    EXPECT_NE(name, std::string::npos);
    std::exchange(disturb_, nullptr)((*all)[0].substr(name).c_str());  // to its zero byte
    return all;
  }

 private:
  Bootstrap& bootstrap_;
  Disturb disturb_;
};

TEST(Shm, StrangersAtTheDoorDoNotDisturbAStart) {
  const test::PipeWires wires(2);
  const Codes codes = test::run_ranks_as_processes(2, [&](int rank) {
    test::PipeBootstrap bootstrap(wires, rank);
    std::vector<Descriptor> strangers;
    DisturbedBootstrap disturbed(bootstrap, [&](const std::string& name) {
      for (int i = 0; i < (rank == 1 ? 40 : 0); ++i) {
        strangers.push_back(connect_to(name));
        const std::string garbage(i % 4 * 16, 'x');  // nothing, and also a token's length
        if (!garbage.empty()) send(strangers.back().number(), garbage.data(), garbage.size(), 0);
      }
    });
    const auto start = Clock::now();
    auto transport = make_shm_transport(disturbed, 4096, soon());
    EXPECT_TRUE(transport.ok()) << transport.status().to_string();
    if (!transport.ok()) return 1;
    EXPECT_LT(Clock::now() - start, 5s);
    shake_hands(**transport);
    for (const Descriptor& stranger : strangers) {
      char answer = 0;
      EXPECT_LE(recv(stranger.number(), &answer, 1, 0), 0) << "a stranger got an answer";
    }
    return 0;
  });
  EXPECT_EQ(codes, Codes(2, 0));
}

TEST(Handover, GivesTheFileToTheInvitedOnly) {
  const auto here = shm::this_process();
  ASSERT_TRUE(here.ok());
  auto handover = Handover::open();
  ASSERT_TRUE(handover.ok()) << handover.status().to_string();
  const Descriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto find = [&](std::uint64_t number) { return number == 7 ? file.copy() : Descriptor(); };
  ASSERT_TRUE((*handover)->serve(find).ok());
  const Wanted wanted{.giver = "rank 0", .process = here->pid, .number = 7};

  Handover::Invitation forged = (*handover)->invitation();
  forged.token[31] ^= 1;
  EXPECT_EQ(receive(forged, wanted, soon()).status().code(), Code::kSystem);
  Wanted other = wanted;
  other.process = 1;
  EXPECT_TRUE(
      contains(receive((*handover)->invitation(), other, soon()).status().message(), "not rank 0"));
  other = wanted;
  other.number = 8;
  EXPECT_EQ(receive((*handover)->invitation(), other, soon()).status(),
            Status(Code::kSystem, "rank 0 closed the connection without giving a file"));
  EXPECT_TRUE(receive((*handover)->invitation(), wanted, soon()).ok());

  // A silent guest is sent away.
  const Descriptor silent = connect_to((*handover)->invitation().name);
  char answer = 0;
  const auto start = Clock::now();
  EXPECT_LE(recv(silent.number(), &answer, 1, 0), 0);
  EXPECT_LT(Clock::now() - start, Handover::kPatience + 2s);
}

TEST(Handover, RefusesAnotherUserEvenWithTheToken) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  const auto here = shm::this_process();
  ASSERT_TRUE(here.ok());
  auto handover = Handover::open();
  ASSERT_TRUE(handover.ok()) << handover.status().to_string();
  // Forked before the handover's thread starts; the connection waits in the backlog.
  test::RankProcesses other(1, [&](int) {
    if (setuid(65534) != 0) return 2;
    const Descriptor connection = connect_to((*handover)->invitation().name);
    struct {
      char token[32] = {};
      std::uint64_t number = 0;
    } request;
    std::memcpy(request.token, (*handover)->invitation().token, sizeof(request.token));
    send(connection.number(), &request, sizeof(request), MSG_NOSIGNAL);
    char answer = 0;
    return recv(connection.number(), &answer, 1, 0) <= 0 ? 0 : 1;
  });
  const Descriptor file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE((*handover)->serve([&](std::uint64_t) { return file.copy(); }).ok());
  EXPECT_EQ(other.wait(10s), Codes{0});
}

// What is in the file is seen by both. A giver that has died, or does not move, is no hang.
TEST(Handover, PassesAFileBetweenProcessesAndOutlivesTheGiver) {
  auto handover = Handover::open();
  ASSERT_TRUE(handover.ok()) << handover.status().to_string();
  const Descriptor file(memfd_create("passed", MFD_CLOEXEC));
  test::RankProcesses giver(1, [&](int) {
    EXPECT_EQ(write(file.number(), "seen", 4), 4);
    EXPECT_TRUE((*handover)->serve([&](std::uint64_t) { return file.copy(); }).ok());
    std::this_thread::sleep_for(1h);
    return 0;
  });
  const Handover::Invitation invitation = (*handover)->invitation();
  handover->reset();  // the socket is the giver's alone
  // The system says of a listener who opened it: this process.
  const Wanted wanted{.giver = "the giver", .process = getpid()};
  const auto given = receive(invitation, wanted, soon());
  ASSERT_TRUE(given.ok()) << given.status().to_string();
  char text[5] = {};
  EXPECT_EQ(pread(given->number(), text, 4, 0), 4);
  EXPECT_STREQ(text, "seen");

  ::kill(giver.pid(0), SIGSTOP);
  EXPECT_EQ(waitpid(giver.pid(0), nullptr, WUNTRACED), giver.pid(0));
  const auto stopped = receive(invitation, wanted, Clock::now() + 50ms);
  EXPECT_EQ(stopped.status(), Status(Code::kTimeout, "the giver gave no file before the deadline"));
  giver.kill(0);
  giver.wait(10s);
  const auto start = Clock::now();
  const Status dead = receive(invitation, wanted, soon()).status();
  EXPECT_TRUE(contains(dead.message(), "cannot reach the giver for a file: Connection refused"))
      << dead.message();
  EXPECT_LT(Clock::now() - start, 2s);
}

}  // namespace
}  // namespace tutti
