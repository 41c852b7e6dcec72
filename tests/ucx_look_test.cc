// Tests transports/ucx/look.cc.
//
// ROOMS: ucx
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "transports/ucx/look.h"

namespace tutti::ucx {
namespace {

// Shortened, as UCX 1.13.1 prints it.
constexpr const char* kInfo =
    "#\n# UCP context\n#\n"
    "#     component 0  :  self\n"
    "#     component 1  :  tcp\n"
    "#     component 4  :  ib\n"
    "#\n"
    "#            md 0  :  component 0  self \n"
    "#            md 1  :  component 1  tcp \n"
    "#\n"
    "#      resource 0  :  md 0  dev 0  flags -- self/memory0\n"
    "#      resource 1  :  md 1  dev 1  flags -- tcp/lo\n"
    "#      resource 2  :  md 1  dev 2  flags -- tcp/eth0\n"
    "#\n\n";

TEST(UcxLook, ReadsComponentsAndTransportsFromWhatUcxPrints) {
  UcxFacts facts;
  read_context_info(kInfo, facts);
  EXPECT_EQ(facts.components, (std::vector<std::string>{"self", "tcp", "ib"}));
  EXPECT_EQ(facts.transports, (std::vector<std::string>{"self/memory0", "tcp/eth0", "tcp/lo"}));
}

TEST(UcxLook, TextThatIsSomethingElseGivesNothing) {
  UcxFacts facts;
  read_context_info("", facts);
  read_context_info("resource\n\n#\n# nothing of : that kind\n", facts);
  EXPECT_EQ(facts, UcxFacts());
}

TEST(UcxLook, SaysWhatIsHereOrWhatIsMissing) {
  const Result<UcxFacts> facts = look();
  if (!facts.ok()) {
    EXPECT_EQ(facts.status().code(), Code::kNotSupported);
    EXPECT_NE(facts.status().message().find("Debian: libucx"), std::string::npos);
    return;
  }
  EXPECT_EQ(std::count(facts->version.begin(), facts->version.end(), '.'), 2) << facts->version;
  EXPECT_NE(facts->library.find("libucp"), std::string::npos) << facts->library;
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::count(names.begin(), names.end(), name) == 1;
  };
  EXPECT_TRUE(has(facts->components, "tcp"));
  EXPECT_TRUE(has(facts->transports, "tcp/lo"));
  EXPECT_TRUE(has(facts->memory_types, "host"));
}

// What a start between hosts does with these settings is not theirs to say: it sets devices, and
// over TCP the transports, itself.
TEST(UcxLook, SeesEverythingWhateverTheEnvironmentLeavesOut) {
  const Result<UcxFacts> free = look();
  if (!free.ok()) GTEST_SKIP() << free.status().message();
  setenv("UCX_TLS", "rc", 1);
  setenv("UCX_NET_DEVICES", "nonsense7", 1);
  const Result<UcxFacts> bound = look();
  unsetenv("UCX_TLS");
  unsetenv("UCX_NET_DEVICES");
  ASSERT_TRUE(bound.ok()) << bound.status().message();
  EXPECT_EQ(*bound, *free);
}

}  // namespace
}  // namespace tutti::ucx
