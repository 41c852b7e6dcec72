// Tests libnccl.so.2 against NVIDIA's, call by call: what NCCL answers without a GPU, ours answers
// too. Each question is asked in a process of its own, which loads one of the two.
//
// Where the answers differ, the question stands in kDifferences with the reason, and
// docs/nccl.md shows the same table. A difference that is none any more is an error too.
//
// ROOMS: base
// TIER: fast

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tutti/nccl.h"

namespace tutti {
namespace {

// A function of the library under test, by the name and type that the header gives it.
void* library = nullptr;
#define NCCL(name) (reinterpret_cast<decltype(&name)>(dlsym(library, #name)))

struct Question {
  const char* text;
  std::function<std::string()> answer;
};

struct Difference {
  const char* question;
  const char* theirs;
  const char* ours;
  const char* reason;
};

constexpr const char* kNoDriver = "NCCL looks for a driver first; here ranks can be without GPUs";
constexpr const char* kDeviceApi = "the device API is not supported";

const Difference kDifferences[] = {
    {"ncclCommInitRank of one rank", "1", "0", kNoDriver},
    {"ncclCommInitRank in a group", "1 0", "0 0", kNoDriver},
    {"ncclCommInitRank to NULL", "1", "4", kNoDriver},
    {"ncclCommInitRank of no ranks", "1", "4", kNoDriver},
    {"ncclCommInitRank of rank 1 of 1", "1", "4", kNoDriver},
    {"ncclCommInitRank with a garbled id", "1", "4", kNoDriver},
    {"ncclCommInitRankConfig without a config", "1", "0", kNoDriver},
    {"ncclCommInitRankConfig, not initialized", "1", "4", kNoDriver},
    {"ncclCommInitRankScalable with no ids", "1", "4", kNoDriver},
    {"ncclCommInitAll to NULL", "1", "4", kNoDriver},
    {"ncclCommInitAll of no devices", "1", "4", kNoDriver},
    {"ncclCommSplit(NULL)", "1", "4", kNoDriver},
    {"ncclCommWindowRegister(NULL)", "1", "4", kNoDriver},
    {"ncclMemAlloc", "1", "0", "without a GPU it gives memory of the host"},
    {"ncclMemAlloc to NULL", "1", "4", kNoDriver},
    {"ncclMemFree(NULL)", "1", "0", "nothing to free is nothing to do, as for free()"},
    {"ncclMemFree of other memory", "1", "4", kNoDriver},
    {"ncclCommShrink(NULL)", "crash", "4", "NCCL looks behind the pointer"},
    {"ncclCommWindowDeregister of no window", "crash", "4", "NCCL looks behind the pointer"},
    {"ncclCommDestroy of no communicator", "crash", "4", "handles are looked up, not followed"},
    {"ncclDevCommCreate(NULL)", "1", "5", kDeviceApi},
    {"ncclDevCommDestroy(NULL)", "crash", "5", kDeviceApi},
    {"ncclTeamWorld(NULL)", "crash", "0 ranks", kDeviceApi},
    {"ncclTeamLsa(NULL)", "crash", "0 ranks", kDeviceApi},
    {"ncclTeamRail(NULL)", "crash", "0 ranks", kDeviceApi},
    {"ncclLLA2ACalcSlots", "16", "0", kDeviceApi},
    {"ncclLLA2ACreateRequirement", "0", "5", kDeviceApi},
    {"ncclLsaBarrierCreateRequirement", "0", "5", kDeviceApi},
    {"ncclGinBarrierCreateRequirement(NULL)", "0", "5", kDeviceApi},
};

std::string code(ncclResult_t result) { return std::to_string(static_cast<int>(result)); }

ncclUniqueId new_id() {
  ncclUniqueId id;
  NCCL(ncclGetUniqueId)(&id);
  return id;
}

ncclUniqueId garbled_id() {
  ncclUniqueId id;
  std::memset(&id, 7, sizeof id);
  return id;
}

// Of zeros: to NCCL a communicator whose marks are wrong.
alignas(4096) char garbage[1 << 20];
ncclComm_t no_comm() { return reinterpret_cast<ncclComm_t>(garbage); }

// Several answers, in the order of the calls.
std::string in_order(std::initializer_list<ncclResult_t> results) {
  std::string all;
  for (const ncclResult_t result : results) all += (all.empty() ? "" : " ") + code(result);
  return all;
}

std::vector<Question> questions_about_the_library() {
  return {
      {"ncclGetVersion",
       [] {
         int version = 0;
         const ncclResult_t result = NCCL(ncclGetVersion)(&version);
         return code(result) + " " + std::to_string(version);
       }},
      {"ncclGetVersion to NULL", [] { return code(NCCL(ncclGetVersion)(nullptr)); }},
      {"ncclGetErrorString of -1 to 10",
       [] {
         std::string all;
         for (int i = -1; i <= 10; ++i) {
           ncclResult_t result;
           std::memcpy(&result, &i, sizeof result);
           all += std::string(NCCL(ncclGetErrorString)(result)) + ";";
         }
         return all;
       }},
      {"ncclGetLastError before any", [] { return std::string(NCCL(ncclGetLastError)(nullptr)); }},
      {"ncclGetLastError after one",
       [] {
         int count;
         NCCL(ncclCommCount)(nullptr, &count);
         const std::string text = NCCL(ncclGetLastError)(nullptr);
         return std::string(text.find("comm") != text.npos && text.find("NULL") != text.npos
                                ? "says that comm is NULL"
                                : text);
       }},
      {"ncclResetDebugInit",
       [] {
         NCCL(ncclResetDebugInit)();
         return std::string("returns");
       }},
      {"ncclGetUniqueId",
       [] {
         ncclUniqueId id;
         return code(NCCL(ncclGetUniqueId)(&id));
       }},
      {"ncclGetUniqueId to NULL", [] { return code(NCCL(ncclGetUniqueId)(nullptr)); }},
      {"ncclGetUniqueId twice",
       [] {
         const ncclUniqueId one = new_id(), two = new_id();
         return std::string(std::memcmp(&one, &two, sizeof one) == 0 ? "the same" : "two ids");
       }},
      {"ncclMemAlloc",
       [] {
         void* memory;
         return code(NCCL(ncclMemAlloc)(&memory, 16));
       }},
      {"ncclMemAlloc to NULL", [] { return code(NCCL(ncclMemAlloc)(nullptr, 16)); }},
      {"ncclMemFree(NULL)", [] { return code(NCCL(ncclMemFree)(nullptr)); }},
      {"ncclMemFree of other memory", [] { return code(NCCL(ncclMemFree)(garbage)); }},
  };
}

std::string begin(int ranks, int rank, const ncclUniqueId& id) {
  ncclComm_t comm;
  return code(NCCL(ncclCommInitRank)(&comm, ranks, id, rank));
}

std::vector<Question> questions_about_beginnings() {
  return {
      {"ncclCommInitRank of one rank", [] { return begin(1, 0, new_id()); }},
      {"ncclCommInitRank in a group",
       [] {
         ncclComm_t comm;
         NCCL(ncclGroupStart)();
         const ncclResult_t first = NCCL(ncclCommInitRank)(&comm, 1, new_id(), 0);
         return in_order({first, NCCL(ncclGroupEnd)()});
       }},
      {"ncclCommInitRank to NULL",
       [] { return code(NCCL(ncclCommInitRank)(nullptr, 1, new_id(), 0)); }},
      {"ncclCommInitRank of no ranks", [] { return begin(0, 0, new_id()); }},
      {"ncclCommInitRank of rank 1 of 1", [] { return begin(1, 1, new_id()); }},
      {"ncclCommInitRank with a garbled id", [] { return begin(1, 0, garbled_id()); }},
      {"ncclCommInitRankConfig without a config",
       [] {
         ncclComm_t comm;
         return code(NCCL(ncclCommInitRankConfig)(&comm, 1, new_id(), 0, nullptr));
       }},
      {"ncclCommInitRankConfig, not initialized",
       [] {
         ncclComm_t comm;
         ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
         config.magic = 1;
         return code(NCCL(ncclCommInitRankConfig)(&comm, 1, new_id(), 0, &config));
       }},
      {"ncclCommInitRankScalable with no ids",
       [] {
         ncclComm_t comm;
         ncclUniqueId id = new_id();
         return code(NCCL(ncclCommInitRankScalable)(&comm, 1, 0, 0, &id, nullptr));
       }},
      {"ncclCommInitAll to NULL", [] { return code(NCCL(ncclCommInitAll)(nullptr, 1, nullptr)); }},
      {"ncclCommInitAll of no devices",
       [] {
         ncclComm_t comm;
         return code(NCCL(ncclCommInitAll)(&comm, 0, nullptr));
       }},
  };
}

std::vector<Question> questions_about_no_communicator() {
  return {
      {"ncclCommCount(NULL)",
       [] {
         int count;
         return code(NCCL(ncclCommCount)(nullptr, &count));
       }},
      {"ncclCommCount of no communicator",
       [] {
         int count;
         return code(NCCL(ncclCommCount)(no_comm(), &count));
       }},
      {"ncclCommUserRank(NULL)",
       [] {
         int rank;
         return code(NCCL(ncclCommUserRank)(nullptr, &rank));
       }},
      {"ncclCommCuDevice(NULL)",
       [] {
         int device;
         return code(NCCL(ncclCommCuDevice)(nullptr, &device));
       }},
      {"ncclCommGetAsyncError(NULL)",
       [] {
         ncclResult_t result;
         return code(NCCL(ncclCommGetAsyncError)(nullptr, &result));
       }},
      {"ncclCommFinalize(NULL)", [] { return code(NCCL(ncclCommFinalize)(nullptr)); }},
      {"ncclCommDestroy(NULL)", [] { return code(NCCL(ncclCommDestroy)(nullptr)); }},
      {"ncclCommDestroy of no communicator", [] { return code(NCCL(ncclCommDestroy)(no_comm())); }},
      {"ncclCommAbort(NULL)", [] { return code(NCCL(ncclCommAbort)(nullptr)); }},
      {"ncclCommRevoke(NULL)", [] { return code(NCCL(ncclCommRevoke)(nullptr, 0)); }},
      {"ncclCommRevoke(NULL) with a flag", [] { return code(NCCL(ncclCommRevoke)(nullptr, 7)); }},
      {"ncclCommSplit(NULL)",
       [] {
         ncclComm_t comm;
         return code(NCCL(ncclCommSplit)(nullptr, 0, 0, &comm, nullptr));
       }},
      {"ncclCommShrink(NULL)",
       [] {
         ncclComm_t comm;
         int rank = 0;
         return code(NCCL(ncclCommShrink)(nullptr, &rank, 1, &comm, nullptr, 0));
       }},
      {"ncclCommRegister(NULL)",
       [] {
         void* handle;
         return code(NCCL(ncclCommRegister)(nullptr, garbage, 16, &handle));
       }},
      {"ncclCommDeregister(NULL)", [] { return code(NCCL(ncclCommDeregister)(nullptr, garbage)); }},
      {"ncclCommWindowRegister(NULL)",
       [] {
         ncclWindow_t window;
         return code(NCCL(ncclCommWindowRegister)(nullptr, garbage, 16, &window, 0));
       }},
      {"ncclCommWindowDeregister(NULL, NULL)",
       [] { return code(NCCL(ncclCommWindowDeregister)(nullptr, nullptr)); }},
      {"ncclCommWindowDeregister of no window",
       [] {
         const auto window = reinterpret_cast<ncclWindow_t>(8);
         return code(NCCL(ncclCommWindowDeregister)(nullptr, window));
       }},
  };
}

std::vector<Question> questions_about_calls() {
  constexpr ncclComm_t kNone = nullptr;
  constexpr auto kInt = ncclInt;
  char* const a = garbage;
  return {
      {"ncclAllReduce(NULL)",
       [=] { return code(NCCL(ncclAllReduce)(a, a, 1, kInt, ncclSum, kNone, nullptr)); }},
      {"ncclReduce(NULL)",
       [=] { return code(NCCL(ncclReduce)(a, a, 1, kInt, ncclSum, 0, kNone, nullptr)); }},
      {"ncclBroadcast(NULL)",
       [=] { return code(NCCL(ncclBroadcast)(a, a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclBcast(NULL)", [=] { return code(NCCL(ncclBcast)(a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclReduceScatter(NULL)",
       [=] { return code(NCCL(ncclReduceScatter)(a, a, 1, kInt, ncclSum, kNone, nullptr)); }},
      {"ncclAllGather(NULL)",
       [=] { return code(NCCL(ncclAllGather)(a, a, 1, kInt, kNone, nullptr)); }},
      {"ncclAlltoAll(NULL)",
       [=] { return code(NCCL(ncclAlltoAll)(a, a, 1, kInt, kNone, nullptr)); }},
      {"ncclGather(NULL)",
       [=] { return code(NCCL(ncclGather)(a, a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclScatter(NULL)",
       [=] { return code(NCCL(ncclScatter)(a, a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclSend(NULL)", [=] { return code(NCCL(ncclSend)(a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclRecv(NULL)", [=] { return code(NCCL(ncclRecv)(a, 1, kInt, 0, kNone, nullptr)); }},
      {"ncclRedOpCreatePreMulSum(NULL)",
       [] {
         ncclRedOp_t op;
         float factor = 2;
         return code(NCCL(ncclRedOpCreatePreMulSum)(&op, &factor, ncclFloat,
                                                    ncclScalarHostImmediate, nullptr));
       }},
      {"ncclRedOpDestroy of ncclSum",
       [] { return code(NCCL(ncclRedOpDestroy)(ncclSum, nullptr)); }},
      {"ncclRedOpDestroy of op 77",
       [] { return code(NCCL(ncclRedOpDestroy)(static_cast<ncclRedOp_t>(77), nullptr)); }},
      {"ncclRedOpDestroy of op -1",
       [] { return code(NCCL(ncclRedOpDestroy)(static_cast<ncclRedOp_t>(-1), nullptr)); }},
  };
}

ncclResult_t bad_call() {
  return NCCL(ncclAllReduce)(garbage, garbage, 1, ncclInt, ncclSum, nullptr, nullptr);
}

std::vector<Question> questions_about_groups() {
  // The calls of a braced list are made from left to right.
  return {
      {"ncclGroupEnd alone", [] { return code(NCCL(ncclGroupEnd)()); }},
      {"a group without calls",
       [] {
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupEnd)()});
       }},
      {"a group in a group, and an end too many",
       [] {
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupStart)(), NCCL(ncclGroupEnd)(),
                          NCCL(ncclGroupEnd)(), NCCL(ncclGroupEnd)()});
       }},
      {"a group with a wrong call, and another",
       [] {
         return in_order({NCCL(ncclGroupStart)(), bad_call(), NCCL(ncclGroupEnd)(),
                          NCCL(ncclGroupStart)(), NCCL(ncclGroupEnd)()});
       }},
      {"a wrong call in a group in a group",
       [] {
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupStart)(), bad_call(),
                          NCCL(ncclGroupEnd)(), NCCL(ncclGroupEnd)()});
       }},
      {"a group that finalizes NULL",
       [] {
         return in_order(
             {NCCL(ncclGroupStart)(), NCCL(ncclCommFinalize)(nullptr), NCCL(ncclGroupEnd)()});
       }},
      {"ncclGroupSimulateEnd alone",
       [] {
         ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
         return code(NCCL(ncclGroupSimulateEnd)(&info));
       }},
      {"ncclGroupSimulateEnd, then ncclGroupEnd",
       [] {
         ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupSimulateEnd)(&info),
                          NCCL(ncclGroupEnd)()}) +
                " " + std::to_string(info.estimatedTime);
       }},
      {"ncclGroupSimulateEnd to NULL",
       [] {
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupSimulateEnd)(nullptr)});
       }},
      {"ncclGroupSimulateEnd, not initialized",
       [] {
         ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
         info.magic = 3;
         return in_order(
             {NCCL(ncclGroupStart)(), NCCL(ncclGroupSimulateEnd)(&info), NCCL(ncclGroupEnd)()});
       }},
      {"ncclGroupSimulateEnd in a group in a group",
       [] {
         ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
         return in_order({NCCL(ncclGroupStart)(), NCCL(ncclGroupStart)(),
                          NCCL(ncclGroupSimulateEnd)(&info), NCCL(ncclGroupEnd)(),
                          NCCL(ncclGroupEnd)()});
       }},
  };
}

std::vector<Question> questions_about_kernels() {
  // NCCL writes into the structures; larger than they are.
  static char handle[1024], requirements[1024];
  const auto ranks = [](ncclTeam_t team) { return std::to_string(team.nRanks) + " ranks"; };
  auto* const needs = reinterpret_cast<ncclDevResourceRequirements*>(requirements);
  return {
      {"ncclDevCommCreate(NULL)",
       [] { return code(NCCL(ncclDevCommCreate)(nullptr, nullptr, nullptr)); }},
      {"ncclDevCommDestroy(NULL)", [] { return code(NCCL(ncclDevCommDestroy)(nullptr, nullptr)); }},
      {"ncclTeamWorld(NULL)", [=] { return ranks(NCCL(ncclTeamWorld)(nullptr)); }},
      {"ncclTeamLsa(NULL)", [=] { return ranks(NCCL(ncclTeamLsa)(nullptr)); }},
      {"ncclTeamRail(NULL)", [=] { return ranks(NCCL(ncclTeamRail)(nullptr)); }},
      {"ncclLLA2ACalcSlots", [] { return std::to_string(NCCL(ncclLLA2ACalcSlots)(8, 16)); }},
      {"ncclLLA2ACreateRequirement",
       [=] {
         auto* out = reinterpret_cast<ncclLLA2AHandle*>(handle);
         return code(NCCL(ncclLLA2ACreateRequirement)(1, 1, out, needs));
       }},
      {"ncclLsaBarrierCreateRequirement",
       [=] {
         auto* out = reinterpret_cast<ncclLsaBarrierHandle*>(handle);
         return code(NCCL(ncclLsaBarrierCreateRequirement)({1, 0, 1}, 1, out, needs));
       }},
      {"ncclGinBarrierCreateRequirement(NULL)",
       [=] {
         auto* out = reinterpret_cast<ncclGinBarrierHandle*>(handle);
         return code(NCCL(ncclGinBarrierCreateRequirement)(nullptr, {1, 0, 1}, 1, out, needs));
       }},
  };
}

std::vector<Question> all_questions() {
  std::vector<Question> all;
  for (const auto& some : {questions_about_the_library(), questions_about_beginnings(),
                           questions_about_no_communicator(), questions_about_calls(),
                           questions_about_groups(), questions_about_kernels()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// ---- Asking

// The answer of a process of its own: "crash" when it has none.
std::string ask(const Question& question) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    const std::string answer = question.answer();
    _exit(write(ends[1], answer.data(), answer.size()) < 0);
  }
  close(ends[1]);
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) answer.append(buffer, n);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? answer : "crash";
}

// Runs in the process that loads the library.
void write_answers(const char* path, FILE* out) {
  setenv("CUDA_VISIBLE_DEVICES", "", 1);  // without GPUs on every machine
  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  for (const Question& question : all_questions()) {
    fprintf(out, "%s\t%s\n", question.text, ask(question).c_str());
  }
}

std::map<std::string, std::string> answers_of(const char* path) {
  FILE* file = tmpfile();
  const pid_t child = fork();
  if (child == 0) {
    write_answers(path, file);
    fflush(file);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  rewind(file);
  std::map<std::string, std::string> answers;
  char line[4096];
  while (fgets(line, sizeof line, file) != nullptr) {
    const std::string text(line, std::strlen(line) - 1);
    const std::size_t tab = text.find('\t');
    answers[text.substr(0, tab)] = text.substr(tab + 1);
  }
  fclose(file);
  return answers;
}

TEST(NcclDifferential, ProcessesGetTheAnswersOfNvidiasLibrary) {
  if (access(TUTTI_NVIDIA_NCCL, R_OK) != 0) GTEST_SKIP() << "NVIDIA's libnccl.so.2 is not here";
  std::map<std::string, std::string> theirs = answers_of(TUTTI_NVIDIA_NCCL);
  std::map<std::string, std::string> ours = answers_of(TUTTI_NCCL);
  if (theirs["ncclGetVersion"] != "0 22809") GTEST_SKIP() << "it is of another version";
  EXPECT_GT(ours.size(), 70u);
  for (const Difference& difference : kDifferences) {
    const std::string question = difference.question;
    EXPECT_EQ(theirs[question], difference.theirs) << question;
    EXPECT_EQ(ours[question], difference.ours) << question;
    EXPECT_STRNE(difference.theirs, difference.ours) << question << " is no difference";
    theirs.erase(question);
    ours.erase(question);
  }
  EXPECT_EQ(ours, theirs);
}

// Without NVIDIA's library, what ours was found to answer must still hold.
TEST(NcclDifferential, ProcessesGetTheAnswersThatDiffer) {
  std::map<std::string, std::string> ours = answers_of(TUTTI_NCCL);
  for (const Difference& difference : kDifferences) {
    EXPECT_EQ(ours[difference.question], difference.ours) << difference.question;
  }
}

TEST(NcclDifferential, TheDocumentShowsTheSameTable) {
  std::ifstream file(std::string(TUTTI_SOURCE) + "/docs/nccl.md");
  const std::string document(std::istreambuf_iterator<char>(file), {});
  for (const Difference& d : kDifferences) {
    const std::string row = std::string("| ") + d.question + " | " + d.theirs + " | " + d.ours +
                            " | " + d.reason + " |\n";
    EXPECT_NE(document.find(row), std::string::npos) << "docs/nccl.md has no row\n" << row;
  }
}

}  // namespace
}  // namespace tutti
