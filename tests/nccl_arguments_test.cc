// Tests src/nccl: whatever a caller gives, the answer is a code and a sentence that names the
// argument.
//
// ROOMS: nccl communicator
// TIER: fast

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <initializer_list>

#include "nccl_ranks.h"

namespace tutti {
namespace {

using namespace test;

[[maybe_unused]] const auto* const kHostOnly = testing::AddGlobalTestEnvironment(new HostOnly);

// That the code is `expected`, and that the sentence of it says all `words`.
void expect_says(ncclResult_t code, ncclResult_t expected,
                 std::initializer_list<const char*> words) {
  EXPECT_EQ(code, expected) << told(code);
  const std::string sentence = ncclGetLastError(nullptr);
  for (const char* word : words) {
    EXPECT_NE(sentence.find(word), std::string::npos) << "\"" << sentence << "\": no " << word;
  }
}

constexpr ncclResult_t kBad = ncclInvalidArgument;
alignas(4096) char memory[1 << 14];

template <class Enumeration>
Enumeration no_such(int number) {
  Enumeration value;
  std::memcpy(&value, &number, sizeof value);
  return value;
}

TEST(NcclArguments, OfCallsAreNamed) {
  const Ranks ranks(2);
  const ncclComm_t comm = ranks[1];
  char* const a = memory;
  char* const b = memory + 4096;
  const auto type99 = no_such<ncclDataType_t>(14);
  expect_says(ncclAllReduce(a, b, 1, type99, ncclSum, comm, nullptr), kBad,
              {"ncclAllReduce", "datatype is 14", "0 to 11"});
  expect_says(ncclAllReduce(a, b, 1, ncclInt, no_such<ncclRedOp_t>(-1), comm, nullptr), kBad,
              {"op is -1", "0 to 4"});
  expect_says(ncclAllReduce(a, b, 1, ncclInt, no_such<ncclRedOp_t>(77), comm, nullptr), kBad,
              {"op 77 is not there"});
  expect_says(ncclAllReduce(nullptr, b, 4, ncclInt, ncclSum, comm, nullptr), kBad,
              {"sendbuff is NULL", "4 elements"});
  expect_says(ncclAllReduce(a, nullptr, 4, ncclInt, ncclSum, comm, nullptr), kBad,
              {"recvbuff is NULL"});
  expect_says(ncclAllReduce(a + 2, b, 4, ncclInt, ncclSum, comm, nullptr), kBad,
              {"sendbuff is not aligned", "4 bytes"});
  expect_says(ncclAllReduce(a, a + 4, 4, ncclInt, ncclSum, comm, nullptr), kBad, {"overlap"});
  expect_says(ncclAllReduce(a, b, static_cast<size_t>(-1), ncclInt, ncclSum, comm, nullptr), kBad,
              {"count is 18446744073709551615", "2^40"});
  expect_says(ncclReduce(a, b, 1, ncclInt, ncclSum, 2, comm, nullptr), kBad,
              {"ncclReduce", "root is 2", "0 to 1"});
  expect_says(ncclBroadcast(a, b, 1, ncclInt, -1, comm, nullptr), kBad, {"root is -1"});
  expect_says(ncclBcast(nullptr, 1, ncclInt, 0, comm, nullptr), kBad, {"ncclBcast", "is NULL"});
  expect_says(ncclAllGather(a, a, 8, ncclInt, comm, nullptr), kBad, {"ncclAllGather", "in-place"});
  expect_says(ncclReduceScatter(a, a, 8, ncclInt, ncclSum, comm, nullptr), kBad, {"in-place"});
  expect_says(ncclAlltoAll(a, a + 4, 8, ncclInt, comm, nullptr), kBad, {"ncclAlltoAll", "overlap"});
  expect_says(ncclGather(a, b, 1, ncclInt, 9, comm, nullptr), kBad, {"ncclGather", "root is 9"});
  expect_says(ncclScatter(a, nullptr, 1, ncclInt, 0, comm, nullptr), kBad,
              {"ncclScatter", "recvbuff is NULL"});
  expect_says(ncclSend(a, 1, ncclInt, 2, comm, nullptr), kBad, {"ncclSend", "peer is 2"});
  expect_says(ncclRecv(nullptr, 1, ncclInt, 0, comm, nullptr), kBad, {"ncclRecv", "recvbuff"});
}

TEST(NcclArguments, OfBeginningsAreNamed) {
  ncclUniqueId id;
  ncclComm_t comm;
  expect_says(ncclGetUniqueId(nullptr), kBad, {"uniqueId is NULL"});
  expect_says(ncclGetVersion(nullptr), kBad, {"version is NULL"});
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  expect_says(ncclCommInitRank(nullptr, 1, id, 0), kBad, {"comm is NULL"});
  expect_says(ncclCommInitRank(&comm, 0, id, 0), kBad, {"nranks is 0"});
  expect_says(ncclCommInitRank(&comm, 1, id, 1), kBad, {"rank is 1", "0 to 0"});
  expect_says(ncclCommInitRankScalable(&comm, 2, 0, 3, &id, nullptr), kBad, {"nId is 3", "1 to"});
  expect_says(ncclCommInitRankScalable(&comm, 2, 0, 1, nullptr, nullptr), kBad, {"commIds"});
  std::memset(&id, 7, sizeof id);
  expect_says(ncclCommInitRank(&comm, 1, id, 0), kBad, {"commId: "});
  EXPECT_EQ(comm, nullptr);
  expect_says(ncclCommInitAll(nullptr, 1, nullptr), kBad, {"comm is NULL"});
  expect_says(ncclCommInitAll(&comm, 0, nullptr), kBad, {"ndev is 0"});
  const int negative = -3;
  expect_says(ncclCommInitAll(&comm, 1, &negative), kBad, {"devlist[0] is -3"});
}

TEST(NcclArguments, OfDerivedCommunicatorsAreNamed) {
  const Ranks ranks(2);
  ncclComm_t comm;
  int itself = 0, nobody = 2, twice[] = {1, 1};
  expect_says(ncclCommSplit(ranks[0], -2, 0, &comm, nullptr), kBad, {"color is -2"});
  expect_says(ncclCommSplit(ranks[0], 0, 0, nullptr, nullptr), kBad, {"newcomm is NULL"});
  expect_says(ncclCommShrink(ranks[0], &itself, 1, &comm, nullptr, 0), kBad,
              {"excludeRanksList[0] is 0"});
  expect_says(ncclCommShrink(ranks[0], &nobody, 1, &comm, nullptr, 0), kBad,
              {"excludeRanksList[0] is 2"});
  expect_says(ncclCommShrink(ranks[0], twice, 2, &comm, nullptr, 0), kBad,
              {"excludeRanksCount is 2"});
  expect_says(ncclCommShrink(ranks[0], nullptr, 1, &comm, nullptr, 0), kBad,
              {"excludeRanksList is NULL"});
  expect_says(ncclCommShrink(ranks[0], &nobody, 1, &comm, nullptr, 2), kBad, {"shrinkFlags is 2"});
  expect_says(ncclCommRevoke(ranks[0], 1), kBad, {"revokeFlags is 1"});
}

TEST(NcclArguments, OfOperationsAndMemoryAreNamed) {
  const Ranks ranks(1);
  float factor = 1;
  ncclRedOp_t op;
  void* handle;
  ncclWindow_t window;
  const ncclComm_t comm = ranks[0];
  const auto nowhere = no_such<ncclScalarResidence_t>(2);
  expect_says(ncclRedOpCreatePreMulSum(nullptr, &factor, ncclFloat, ncclScalarDevice, comm), kBad,
              {"op is NULL"});
  expect_says(ncclRedOpCreatePreMulSum(&op, nullptr, ncclFloat, ncclScalarDevice, comm), kBad,
              {"scalar is NULL"});
  expect_says(ncclRedOpCreatePreMulSum(&op, &factor, ncclFloat, nowhere, comm), kBad,
              {"residence is 2"});
  expect_says(ncclRedOpDestroy(ncclSum, comm), kBad, {"op 0 is built in"});
  expect_says(ncclMemAlloc(nullptr, 1), kBad, {"ptr is NULL"});
  expect_says(ncclMemAlloc(&handle, static_cast<size_t>(-1)), kBad, {"size is"});
  expect_says(ncclMemFree(memory), kBad, {"ptr is not from ncclMemAlloc"});
  expect_says(ncclCommRegister(comm, memory, 8, nullptr), kBad, {"handle is NULL"});
  expect_says(ncclCommRegister(comm, nullptr, 8, &handle), kBad, {"buff is NULL"});
  expect_says(ncclCommRegister(comm, memory, 0, &handle), kBad, {"size is 0"});
  expect_says(ncclCommDeregister(comm, memory), kBad, {"handle is not of comm"});
  expect_says(ncclCommWindowRegister(comm, memory + 8, 8, &window, 0), kBad, {"4096"});
  expect_says(ncclCommWindowRegister(comm, memory, 8, &window, 8), kBad, {"winFlags is 8"});
}

TEST(NcclArguments, MemoryIsGivenAndTakenBack) {
  const Ranks ranks(1);
  void* given;
  void* handle;
  ncclWindow_t window;
  ASSERT_NCCL(ncclSuccess, ncclMemAlloc(&given, 100));
  std::memset(given, 1, 100);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(given) % NCCL_WIN_REQUIRED_ALIGNMENT, 0u);
  ASSERT_NCCL(ncclSuccess, ncclCommRegister(ranks[0], given, 100, &handle));
  EXPECT_NCCL(ncclSuccess, ncclCommDeregister(ranks[0], handle));
  EXPECT_NCCL(ncclInvalidArgument, ncclCommDeregister(ranks[0], handle));
  ASSERT_NCCL(ncclSuccess,
              ncclCommWindowRegister(ranks[0], given, 100, &window, NCCL_WIN_COLL_SYMMETRIC));
  EXPECT_NCCL(ncclSuccess, ncclCommWindowDeregister(ranks[0], window));
  EXPECT_NCCL(ncclInvalidArgument, ncclCommWindowDeregister(ranks[0], window));
  EXPECT_NCCL(ncclSuccess, ncclCommWindowDeregister(ranks[0], nullptr));
  EXPECT_NCCL(ncclSuccess, ncclMemFree(given));
  EXPECT_NCCL(ncclInvalidArgument, ncclMemFree(given));
  EXPECT_NCCL(ncclSuccess, ncclMemFree(nullptr));
}

// Every function that takes a communicator.
void expect_all_refuse(ncclComm_t comm) {
  int number = 0;
  float factor = 1;
  ncclRedOp_t op;
  ncclComm_t other;
  ncclResult_t state;
  void* handle;
  ncclWindow_t window;
  char* const a = memory;
  char* const b = memory + 4096;
  const cudaStream_t s = nullptr;
  const ncclResult_t codes[] = {
      ncclCommCount(comm, &number),
      ncclCommUserRank(comm, &number),
      ncclCommCuDevice(comm, &number),
      ncclCommGetAsyncError(comm, &state),
      ncclCommSplit(comm, 0, 0, &other, nullptr),
      ncclCommShrink(comm, &number, 1, &other, nullptr, 0),
      ncclCommRegister(comm, a, 1, &handle),
      ncclCommDeregister(comm, a),
      ncclCommWindowRegister(comm, a, 1, &window, 0),
      ncclCommWindowDeregister(comm, reinterpret_cast<ncclWindow_t>(a)),
      ncclRedOpCreatePreMulSum(&op, &factor, ncclFloat, ncclScalarHostImmediate, comm),
      ncclRedOpDestroy(no_such<ncclRedOp_t>(5), comm),
      ncclAllReduce(a, b, 1, ncclInt, ncclSum, comm, s),
      ncclReduce(a, b, 1, ncclInt, ncclSum, 0, comm, s),
      ncclBroadcast(a, b, 1, ncclInt, 0, comm, s),
      ncclBcast(a, 1, ncclInt, 0, comm, s),
      ncclReduceScatter(a, b, 1, ncclInt, ncclSum, comm, s),
      ncclAllGather(a, b, 1, ncclInt, comm, s),
      ncclAlltoAll(a, b, 1, ncclInt, comm, s),
      ncclGather(a, b, 1, ncclInt, 0, comm, s),
      ncclScatter(a, b, 1, ncclInt, 0, comm, s),
      ncclSend(a, 1, ncclInt, 0, comm, s),
      ncclRecv(a, 1, ncclInt, 0, comm, s),
  };
  for (std::size_t i = 0; i < std::size(codes); ++i) EXPECT_EQ(codes[i], kBad) << "the " << i;
  EXPECT_NE(std::string(ncclGetLastError(comm)).find("comm"), std::string::npos);
}

TEST(NcclArguments, ACommunicatorThatHasEndedOrNeverWasIsRefusedByAll) {
  Ranks ranks(1);
  const ncclComm_t ended = ranks.take(0);
  ASSERT_NCCL(ncclSuccess, ncclCommDestroy(ended));
  for (const ncclComm_t comm : {ended, reinterpret_cast<ncclComm_t>(memory),
                                reinterpret_cast<ncclComm_t>(8), ncclComm_t{nullptr}}) {
    expect_all_refuse(comm);
    if (comm == nullptr) continue;  // to end none is not an error
    EXPECT_NCCL(ncclInvalidArgument, ncclCommFinalize(comm));
    EXPECT_NCCL(ncclInvalidArgument, ncclCommDestroy(comm));
    EXPECT_NCCL(ncclInvalidArgument, ncclCommAbort(comm));
    EXPECT_NCCL(ncclInvalidArgument, ncclCommRevoke(comm, 0));
  }
}

// ---- Configurations

ncclResult_t begin_with(ncclConfig_t config) {
  ncclUniqueId id;
  EXPECT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t comm;
  const ncclResult_t code = ncclCommInitRankConfig(&comm, 1, id, 0, &config);
  if (comm != nullptr) ncclCommAbort(comm);
  return code;
}

TEST(NcclConfig, FieldsWithoutSenseAreNamed) {
  struct {
    int ncclConfig_t::*field;
    int value;
    const char* name;
  } const wrong[] = {
      {&ncclConfig_t::blocking, 2, "config->blocking is 2"},
      {&ncclConfig_t::cgaClusterSize, -1, "cgaClusterSize is -1"},
      {&ncclConfig_t::minCTAs, 0, "minCTAs is 0"},
      {&ncclConfig_t::maxCTAs, -5, "maxCTAs is -5"},
      {&ncclConfig_t::splitShare, 7, "splitShare is 7"},
      {&ncclConfig_t::trafficClass, -1, "trafficClass is -1"},
      {&ncclConfig_t::collnetEnable, -1, "collnetEnable is -1"},
      {&ncclConfig_t::CTAPolicy, 4, "CTAPolicy is 4"},
      {&ncclConfig_t::shrinkShare, 2, "shrinkShare is 2"},
      {&ncclConfig_t::nvlsCTAs, 0, "nvlsCTAs is 0"},
      {&ncclConfig_t::nChannelsPerNetPeer, 0, "nChannelsPerNetPeer is 0"},
      {&ncclConfig_t::nvlinkCentricSched, 9, "nvlinkCentricSched is 9"},
  };
  for (const auto& [field, value, name] : wrong) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.*field = value;
    expect_says(begin_with(config), kBad, {name, "expected"});
  }
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.minCTAs = 8;
  config.maxCTAs = 4;
  expect_says(begin_with(config), kBad, {"minCTAs is 8", "maxCTAs, 4"});
  config.maxCTAs = 16;
  EXPECT_NCCL(ncclSuccess, begin_with(config));
}

TEST(NcclConfig, MustHaveBeenInitialized) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.magic = 0;
  expect_says(begin_with(config), kBad, {"config->magic", "NCCL_CONFIG_INITIALIZER"});
  config = NCCL_CONFIG_INITIALIZER;
  config.size = 4;
  expect_says(begin_with(config), kBad, {"config->size is 4"});
}

// What a program that was built against another NCCL has in the fields that its NCCL did not have
// is not looked at.
TEST(NcclConfig, OlderAndNewerStructuresAreUnderstood) {
  ncclConfig_t older = NCCL_CONFIG_INITIALIZER;
  older.version = NCCL_VERSION(2, 18, 0);
  older.CTAPolicy = 1'000;
  EXPECT_NCCL(ncclSuccess, begin_with(older));
  older.blocking = 2;
  EXPECT_NCCL(ncclInvalidArgument, begin_with(older));

  ncclConfig_t shorter = NCCL_CONFIG_INITIALIZER;
  shorter.size = offsetof(ncclConfig_t, trafficClass);
  shorter.trafficClass = -1;
  shorter.commName = reinterpret_cast<const char*>(8);
  EXPECT_NCCL(ncclSuccess, begin_with(shorter));

  struct {
    ncclConfig_t known = NCCL_CONFIG_INITIALIZER;
    int unknown[4] = {1, 2, 3, 4};
  } newer;
  newer.known.size = sizeof newer;
  newer.known.version = NCCL_VERSION(2, 30, 7);
  ncclUniqueId id;
  ASSERT_NCCL(ncclSuccess, ncclGetUniqueId(&id));
  ncclComm_t comm;
  ASSERT_NCCL(ncclSuccess, ncclCommInitRankConfig(&comm, 1, id, 0, &newer.known));
  EXPECT_NCCL(ncclSuccess, ncclCommDestroy(comm));
}

// ---- The rest

TEST(NcclVersion, IsOneThatCanBeSet) {
  int version = 0;
  EXPECT_NCCL(ncclSuccess, ncclGetVersion(&version));
  EXPECT_EQ(version, NCCL_VERSION_CODE);
  const Variable older("TUTTI_NCCL_VERSION", "22707");
  EXPECT_NCCL(ncclSuccess, ncclGetVersion(&version));
  EXPECT_EQ(version, 22707);
}

TEST(NcclDeviceApi, IsRefusedInWords) {
  const Ranks ranks(1);
  const auto refused = {"the device API is not supported"};
  expect_says(ncclDevCommCreate(ranks[0], nullptr, nullptr), ncclInvalidUsage, refused);
  expect_says(ncclDevCommDestroy(ranks[0], nullptr), ncclInvalidUsage, refused);
  expect_says(ncclLsaBarrierCreateRequirement({1, 0, 1}, 1, nullptr, nullptr), ncclInvalidUsage,
              refused);
  expect_says(ncclGinBarrierCreateRequirement(ranks[0], {1, 0, 1}, 1, nullptr, nullptr),
              ncclInvalidUsage, refused);
  expect_says(ncclLLA2ACreateRequirement(1, 1, nullptr, nullptr), ncclInvalidUsage, refused);
  EXPECT_EQ(ncclLLA2ACalcSlots(1, 8), 0);
  EXPECT_EQ(ncclTeamWorld(ranks[0]).nRanks, 0);
  EXPECT_EQ(ncclTeamLsa(ranks[0]).nRanks, 0);
  EXPECT_EQ(ncclTeamRail(ranks[0]).nRanks, 0);
  EXPECT_EQ(ncclTeamRankToWorld(ranks[0], {1, 0, 1}, 0), -1);
  EXPECT_EQ(ncclTeamRankToLsa(ranks[0], {1, 0, 1}, 0), -1);
  EXPECT_NE(std::string(ncclGetLastError(nullptr)).find("ncclTeamRankToLsa"), std::string::npos);
}

}  // namespace
}  // namespace tutti
