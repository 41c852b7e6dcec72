// Tests include/tutti/unique_id.h and src/bootstrap/meeting.cc.
// ROOMS: bootstrap

#include "tutti/unique_id.h"

#include <gtest/gtest.h>

#include "bootstrap/meeting.h"

namespace tutti {
namespace {

Meeting some_meeting() {
  Meeting meeting;
  meeting.root.addresses = {resolve("10.1.2.3")->front(), resolve("fd00::7")->front(),
                            resolve("127.0.0.1")->front()};
  meeting.root.port = 40123;
  meeting.job = "the job's 16 by.";
  meeting.secret = "the secret's 16.";
  return meeting;
}

std::string why_not(std::string_view text) { return UniqueId::parse(text).status().message(); }

TEST(UniqueId, HoldsAMeeting) {
  const Meeting meeting = some_meeting();
  const Result<Meeting> decoded = decode(encode(meeting));
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->root.addresses, meeting.root.addresses);
  EXPECT_EQ(decoded->root.to_string(), "10.1.2.3:40123 or [fd00::7]:40123 or 127.0.0.1:40123");
  EXPECT_EQ(decoded->job, meeting.job);
  EXPECT_EQ(decoded->secret, meeting.secret);
}

TEST(UniqueId, SurvivesBeingText) {
  const UniqueId id = encode(some_meeting());
  const std::string text = id.to_string();
  EXPECT_EQ(text.size(), 256u);
  ASSERT_TRUE(UniqueId::parse(text).ok());
  EXPECT_EQ(*UniqueId::parse(text), id);
  EXPECT_EQ(*UniqueId::parse(" \t" + text + "\n"), id);
  std::string upper = text;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(*UniqueId::parse(upper), id);
}

TEST(UniqueId, SaysThatATextIsCutOff) {
  const std::string text = encode(some_meeting()).to_string();
  EXPECT_EQ(
      why_not(text.substr(0, 200)),
      "this is not a usable unique id: its text has 200 digits, expected 256; was it cut off?");
  EXPECT_NE(why_not("").find("has 0 digits"), std::string::npos);
  EXPECT_NE(why_not(text + "00").find("has 258 digits"), std::string::npos);
}

TEST(UniqueId, SaysWhichCharacterIsNoDigit) {
  std::string text = encode(some_meeting()).to_string();
  text[41] = 'x';
  EXPECT_EQ(why_not(text),
            "this is not a usable unique id: character 42 of its text is 'x', expected a "
            "hexadecimal digit");
}

TEST(UniqueId, NoticesEveryChangedByte) {
  const UniqueId good = encode(some_meeting());
  for (std::size_t i = 0; i < good.bytes.size(); ++i) {
    UniqueId bad = good;
    bad.bytes[i] ^= std::byte{0x10};
    EXPECT_EQ(decode(bad).status().code(), Code::kInvalidArgument) << "byte " << i;
  }
  UniqueId garbled = good;
  garbled.bytes[50] ^= std::byte{1};
  EXPECT_NE(decode(garbled).status().message().find("checksum"), std::string::npos);
}

TEST(UniqueId, DefaultIsNoId) {
  EXPECT_NE(decode(UniqueId{}).status().message().find("make_unique_id"), std::string::npos);
}

TEST(MakeUniqueId, GivesDifferentIdsAndPutsLoopbackLast) {
  Result<Invitation> first = make_unique_id({});
  Result<Invitation> second = make_unique_id({});
  ASSERT_TRUE(first.ok()) << first.status().message();
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_NE(first->id, second->id);
  const Meeting a = *decode(first->id), b = *decode(second->id);
  EXPECT_NE(a.job, b.job);
  EXPECT_NE(a.secret, b.secret);
  EXPECT_TRUE(a.root.addresses.back().is_loopback());
}

TEST(MakeUniqueId, ListensWhereItIsTold) {
  BootstrapOptions options;
  options.interface = "127.0.0.1";
  Result<Invitation> byAddress = make_unique_id(options);
  ASSERT_TRUE(byAddress.ok()) << byAddress.status().message();
  const Endpoint root = decode(byAddress->id)->root;
  EXPECT_EQ(root.addresses, *resolve("127.0.0.1"));

  options.interface = "lo";
  Result<Invitation> byName = make_unique_id(options);
  ASSERT_TRUE(byName.ok()) << byName.status().message();
  EXPECT_TRUE(decode(byName->id)->root.addresses.front().is_loopback());

  options.port = root.port;
  options.interface = "127.0.0.1";
  const Status taken = make_unique_id(options).status();
  EXPECT_EQ(taken.code(), Code::kSystem);
  EXPECT_NE(taken.message().find("port " + std::to_string(root.port)), std::string::npos);
}

TEST(MakeUniqueId, NamesAnInterfaceThatIsNotThere) {
  BootstrapOptions options;
  options.interface = "nosuch0";
  const Status status = make_unique_id(options).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("'nosuch0'; it has "), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("lo (127.0.0.1)"), std::string::npos) << status.message();
  options = {};
  options.port = 70000;
  EXPECT_EQ(make_unique_id(options).status().code(), Code::kInvalidArgument);
}

TEST(MostUseful, KeepsTheFirstFourAndTheLast) {
  std::vector<Address> addresses;
  for (const char* text : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "127.0.0.1"})
    addresses.push_back(resolve(text)->front());
  const std::vector<Address> kept = most_useful(addresses);
  ASSERT_EQ(kept.size(), kMaxAddresses);
  EXPECT_EQ(kept[3].to_string(), "10.0.0.4");
  EXPECT_EQ(kept[4].to_string(), "127.0.0.1");
}

}  // namespace
}  // namespace tutti
