// Tests include/tutti/nccl.h and libnccl.so.2 as programs see them that were built against
// NVIDIA's: numbers, layouts, names. Where NVIDIA's library is installed, its names are compared
// with.
//
// ROOMS: base
// TIER: fast

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tutti/nccl.h"
#include "tutti/types.h"

namespace tutti {
namespace {

// ---- Layouts and numbers, from NCCL 2.28's documentation and measured on its library.

static_assert(sizeof(ncclUniqueId) == 128 && alignof(ncclUniqueId) == 1);

static_assert(sizeof(ncclConfig_t) == 80);
static_assert(offsetof(ncclConfig_t, size) == 0);
static_assert(offsetof(ncclConfig_t, magic) == 8);
static_assert(offsetof(ncclConfig_t, version) == 12);
static_assert(offsetof(ncclConfig_t, blocking) == 16);
static_assert(offsetof(ncclConfig_t, cgaClusterSize) == 20);
static_assert(offsetof(ncclConfig_t, minCTAs) == 24);
static_assert(offsetof(ncclConfig_t, maxCTAs) == 28);
static_assert(offsetof(ncclConfig_t, netName) == 32);
static_assert(offsetof(ncclConfig_t, splitShare) == 40);
static_assert(offsetof(ncclConfig_t, trafficClass) == 44);
static_assert(offsetof(ncclConfig_t, commName) == 48);
static_assert(offsetof(ncclConfig_t, collnetEnable) == 56);
static_assert(offsetof(ncclConfig_t, CTAPolicy) == 60);
static_assert(offsetof(ncclConfig_t, shrinkShare) == 64);
static_assert(offsetof(ncclConfig_t, nvlsCTAs) == 68);
static_assert(offsetof(ncclConfig_t, nChannelsPerNetPeer) == 72);
static_assert(offsetof(ncclConfig_t, nvlinkCentricSched) == 76);

static_assert(sizeof(ncclSimInfo_t) == 24 && offsetof(ncclSimInfo_t, magic) == 8);
static_assert(offsetof(ncclSimInfo_t, estimatedTime) == 16);
static_assert(sizeof(ncclTeam_t) == 12);

static_assert(ncclSuccess == 0 && ncclUnhandledCudaError == 1 && ncclSystemError == 2 &&
              ncclInternalError == 3 && ncclInvalidArgument == 4 && ncclInvalidUsage == 5 &&
              ncclRemoteError == 6 && ncclInProgress == 7 && ncclNumResults == 8);
static_assert(ncclSum == 0 && ncclProd == 1 && ncclMax == 2 && ncclMin == 3 && ncclAvg == 4 &&
              ncclNumOps == 5 && ncclMaxRedOp == 0x7fffffff && sizeof(ncclRedOp_t) == 4);
static_assert(ncclInt8 == 0 && ncclUint8 == 1 && ncclInt32 == 2 && ncclUint32 == 3 &&
              ncclInt64 == 4 && ncclUint64 == 5 && ncclFloat16 == 6 && ncclFloat32 == 7 &&
              ncclFloat64 == 8 && ncclBfloat16 == 9 && ncclFloat8e4m3 == 10 &&
              ncclFloat8e5m2 == 11 && ncclNumTypes == 12);
static_assert(ncclScalarDevice == 0 && ncclScalarHostImmediate == 1);
static_assert(NCCL_VERSION_CODE == NCCL_VERSION(NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH));
static_assert(NCCL_VERSION(2, 8, 4) == 2804 && NCCL_VERSION(2, 9, 6) == 20906);

// The library's numbers are NCCL's, so that the door converts none.
static_assert(static_cast<int>(DataType::kFloat8e5m2) == ncclFloat8e5m2 &&
              static_cast<int>(DataType::kBfloat16) == ncclBfloat16 &&
              static_cast<int>(DataType::kInt8) == ncclInt8);
static_assert(static_cast<int>(Reduction::kAvg) == ncclAvg &&
              static_cast<int>(Reduction::kMin) == ncclMin &&
              static_cast<int>(Reduction::kProd) == ncclProd);

TEST(NcclAbi, InitializersSayNothing) {
  const ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  EXPECT_EQ(config.size, 80u);
  EXPECT_EQ(config.magic, 0xcafebeefu);
  EXPECT_EQ(config.version, 22809u);
  for (const int value :
       {config.blocking, config.cgaClusterSize, config.minCTAs, config.maxCTAs, config.splitShare,
        config.trafficClass, config.collnetEnable, config.CTAPolicy, config.shrinkShare,
        config.nvlsCTAs, config.nChannelsPerNetPeer, config.nvlinkCentricSched}) {
    EXPECT_EQ(value, INT_MIN);
  }
  EXPECT_EQ(config.netName, nullptr);
  EXPECT_EQ(config.commName, nullptr);
  const ncclSimInfo_t info = NCCL_SIM_INFO_INITIALIZER;
  EXPECT_EQ(info.magic, 0x74685283u);
  EXPECT_EQ(info.estimatedTime, -1);
}

// ---- Names

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return text;
}

// "W ncclAllReduce", "T pncclAllReduce" and so on.
std::set<std::string> symbols_of(const std::string& library) {
  std::istringstream lines(output_of("nm -D --defined-only '" + library + "'"));
  std::set<std::string> symbols;
  std::string address, kind, name;
  while (lines >> address >> kind >> name) symbols.insert(kind + " " + name);
  return symbols;
}

TEST(NcclAbi, EveryFunctionHasTwoNamesAndNothingElseIsShown) {
  const std::set<std::string> symbols = symbols_of(TUTTI_NCCL);
  EXPECT_EQ(symbols.size(), 104u);
  void* library = dlopen(TUTTI_NCCL, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  for (const std::string& symbol : symbols) {
    if (!symbol.starts_with("W ")) continue;
    const std::string name = symbol.substr(2);
    EXPECT_TRUE(symbols.contains("T p" + name)) << name;
    EXPECT_EQ(dlsym(library, name.c_str()), dlsym(library, ("p" + name).c_str())) << name;
  }
}

TEST(NcclAbi, NamesAreThoseOfNvidiasLibrary) {
  if (access(TUTTI_NVIDIA_NCCL, R_OK) != 0) GTEST_SKIP() << "NVIDIA's libnccl.so.2 is not here";
  std::set<std::string> theirs = symbols_of(TUTTI_NVIDIA_NCCL);
  theirs.erase("T ncclResetDebugInitInternal");  // in no header
  EXPECT_EQ(symbols_of(TUTTI_NCCL), theirs);
}

TEST(NcclAbi, TheHeaderDeclaresWhatTheLibraryHas) {
  std::ifstream file(std::string(TUTTI_SOURCE) + "/include/tutti/nccl.h");
  const std::string header(std::istreambuf_iterator<char>(file), {});
  for (const std::string& symbol : symbols_of(TUTTI_NCCL)) {
    if (!symbol.starts_with("W ")) continue;
    const std::string name = symbol.substr(2);
    EXPECT_NE(header.find(" " + name + "("), std::string::npos) << name;
    EXPECT_NE(header.find("NCCL_PROFILED(" + name.substr(4) + ")"), std::string::npos) << name;
  }
}

TEST(NcclAbi, TheHeaderIsC99) {
  output_of("cc -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c '" +
            std::string(TUTTI_SOURCE) + "/include/tutti/nccl.h'");
}

TEST(NcclAbi, TheLibraryIsCalledLikeTheirsAndNeedsOnlyTheRuntimes) {
  std::istringstream lines(output_of("readelf -d '" + std::string(TUTTI_NCCL) + "'"));
  std::string soname;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t open = line.find('['), close = line.find(']');
    if (open == std::string::npos) continue;
    const std::string value = line.substr(open + 1, close - open - 1);
    if (line.find("SONAME") != std::string::npos) soname = value;
    if (line.find("NEEDED") == std::string::npos) continue;
    bool known = false;
    for (const char* runtime :
         {"libc.", "libm.", "libstdc++.", "libgcc_s.", "libdl.", "libpthread.", "librt.",
          "ld-linux", "libasan.", "libubsan.", "libtsan."}) {
      known = known || value.starts_with(runtime);
    }
    EXPECT_TRUE(known) << value;
  }
  EXPECT_EQ(soname, "libnccl.so.2");
}

}  // namespace
}  // namespace tutti
