// The bytes of heartbeats: what is sent can be read, and nothing else can.
//
// ROOMS: heartbeat
// TIER: fast

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "transports/heartbeat/datagram.h"

namespace tutti::heartbeat {
namespace {

constexpr int kRanks = 1000;
const std::string kKey = "0123456789abcdef";

Message sample() {
  return {
      7,
      Kind::kQuestion,
      {{3, Fate::kLost, 7, "nothing heard from it for 2.5 s"}, {999, Fate::kDeparted, 999, ""}}};
}

TEST(HeartbeatDatagram, WhatIsWrittenIsRead) {
  const std::string bytes = encode(sample(), kKey);
  EXPECT_EQ(decode(bytes, kKey, kRanks), sample());
  const Message plain{0, Kind::kBeat, {}};
  EXPECT_EQ(decode(encode(plain, kKey), kKey, 1), plain);
}

TEST(HeartbeatDatagram, TakesNewsAsLongAsTheyFit) {
  Message message{0, Kind::kBeat, {}};
  const News news = {1, Fate::kLost, 2, std::string(kMaxWhyBytes, 'x')};
  while (add_if_fits(message, news)) {
  }
  EXPECT_GE(message.news.size(), 8u);
  EXPECT_LE(encode(message, kKey).size(), kMaxDatagramBytes);
  EXPECT_EQ(decode(encode(message, kKey), kKey, kRanks), message);
}

TEST(HeartbeatDatagram, AnotherGroupsKeyIsNotOurs) {
  for (std::size_t i = 0; i < kKey.size(); ++i) {
    std::string other = kKey;
    other[i] ^= 1;
    EXPECT_EQ(decode(encode(sample(), other), kKey, kRanks), std::nullopt);
  }
}

TEST(HeartbeatDatagram, RanksThatTheGroupHasNotAreRefused) {
  const std::string bytes = encode(sample(), kKey);
  EXPECT_NE(decode(bytes, kKey, 1000), std::nullopt);
  EXPECT_EQ(decode(bytes, kKey, 999), std::nullopt);
  EXPECT_EQ(decode(bytes, kKey, 7), std::nullopt);
}

TEST(HeartbeatDatagram, TooShortAndTooLongOnesAreRefused) {
  const std::string bytes = encode(sample(), kKey);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode(bytes.substr(0, size), kKey, kRanks), std::nullopt) << size;
  }
  EXPECT_EQ(decode(bytes + '\0', kKey, kRanks), std::nullopt);
}

TEST(HeartbeatDatagram, NewsThatSomebodyIsAliveAreNoNews) {
  const Message message{0, Kind::kBeat, {{1, Fate::kAlive, 0, ""}}};
  EXPECT_EQ(decode(encode(message, kKey), kKey, kRanks), std::nullopt);
}

// Read or refused, but never more than that; what is read is what would be written.
TEST(HeartbeatDatagram, GarbageBehindTheKeyDoesNoHarm) {
  std::mt19937 random(1);
  int read = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    std::string bytes = encode(sample(), kKey);
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      bytes[kKeyBytes + random() % (bytes.size() - kKeyBytes)] = static_cast<char>(random());
    }
    const std::optional<Message> message = decode(bytes, kKey, kRanks);
    if (!message) continue;
    ++read;
    EXPECT_EQ(encode(*message, kKey), bytes);
  }
  EXPECT_GT(read, 100);  // the loop has come to where it could do harm
}

TEST(HeartbeatDatagram, RandomBytesAreNoMessage) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 5'000; ++trial) {
    std::string bytes(random() % 1300, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_EQ(decode(bytes, kKey, kRanks), std::nullopt);
  }
}

}  // namespace
}  // namespace tutti::heartbeat
