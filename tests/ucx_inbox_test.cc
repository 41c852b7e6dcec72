// Parcels into a window: lines show in the order sent, whatever the order of landing, and nothing
// that arrives is trusted. The tickets that count parcels on the sender's side.
//
// ROOMS: ucx
// TIER: fast

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "transports/ucx/inbox.h"
#include "transports/ucx/parcel.h"

namespace tutti::ucx {
namespace {

constexpr std::size_t kWindow = 16 * kLineBytes;

// A window with a guard on both sides.
class Window {
 public:
  std::span<std::byte> span() { return {memory_.data() + kLineBytes, kWindow}; }
  const Line& line(std::size_t number) {
    return reinterpret_cast<const Line*>(memory_.data())[number + 1];
  }
  std::uint64_t flag(std::size_t number) { return line(number).flag; }
  bool guards_hold() const {
    const auto is_guard = [](std::byte b) { return b == kGuard; };
    return std::all_of(memory_.begin(), memory_.begin() + kLineBytes, is_guard) &&
           std::all_of(memory_.end() - kLineBytes, memory_.end(), is_guard);
  }
  Window() {
    std::fill_n(memory_.begin(), kLineBytes, kGuard);
    std::fill_n(memory_.end() - kLineBytes, kLineBytes, kGuard);
  }

 private:
  static constexpr std::byte kGuard{0xA5};
  alignas(kLineBytes) std::array<std::byte, kWindow + 2 * kLineBytes> memory_{};
};

// What a parcel's lines look like when they arrive.
std::vector<std::byte> lines_of(const std::vector<LineAt>& lines) {
  Parcel parcel;
  for (const LineAt& line : lines) parcel.add_line(line.offset, line.signal);
  parcel.seal(/*window=*/1, /*sender=*/0, /*sequence=*/0, nullptr);
  const std::span<const std::byte> header = parcel.header();
  return {header.begin() + sizeof(ParcelHeader), header.end()};
}

std::vector<std::byte> line_with(std::size_t number, std::uint64_t flag) {
  return lines_of({{number * kLineBytes, {flag, 0, {}}}});
}

ParcelHeader header_of(std::uint64_t sequence, std::uint32_t sender = 0) {
  ParcelHeader header;
  header.sequence = sequence;
  header.sender = sender;
  header.lines = 1;
  return header;
}

// Five parcels, each of which changes one line further than the one before.
TEST(UcxInbox, ShowsLinesInTheOrderSentWhateverTheOrderOfLanding) {
  std::vector<std::uint64_t> order(5);
  std::iota(order.begin(), order.end(), 0);
  int orders = 0;
  do {
    Window window;
    Inbox inbox(window.span(), 1);
    std::vector<bool> has_landed(order.size() + 1);
    for (const std::uint64_t sequence : order) {
      ASSERT_TRUE(inbox.landed(header_of(sequence), line_with(0, sequence + 1)));
      has_landed[sequence] = true;
      const auto missing = std::find(has_landed.begin(), has_landed.end(), false);
      ASSERT_EQ(window.flag(0), static_cast<std::uint64_t>(missing - has_landed.begin()));
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(orders, 120);
}

TEST(UcxInbox, SendersDoNotWaitForEachOther) {
  Window window;
  Inbox inbox(window.span(), 2);
  EXPECT_TRUE(inbox.landed(header_of(1, /*sender=*/0), line_with(0, 7)));
  EXPECT_TRUE(inbox.landed(header_of(0, /*sender=*/1), line_with(1, 8)));
  EXPECT_EQ(window.flag(0), 0u);
  EXPECT_EQ(window.flag(1), 8u);
}

TEST(UcxInbox, PayloadsOfEverySizeArriveWithTheirLine) {
  std::array<std::byte, kInlineBytes> payload;
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = std::byte(i + 1);
  for (std::size_t bytes = 0; bytes <= kInlineBytes; ++bytes) {
    Window window;
    Inbox inbox(window.span(), 1);
    // Another line follows, so that the padding is seen.
    const Signal signal{5, 77, std::span(payload).first(bytes)};
    ASSERT_TRUE(inbox.landed(header_of(0), lines_of({{0, signal}, {kLineBytes, {9, 0, {}}}})));
    const Line& line = window.line(0);
    EXPECT_EQ(line.flag, 5u);
    EXPECT_EQ(line.signature, 77u);
    ASSERT_EQ(line.bytes, bytes);
    EXPECT_TRUE(std::equal(payload.begin(), payload.begin() + bytes, line.payload));
    EXPECT_EQ(window.flag(1), 9u) << bytes;
  }
}

TEST(UcxInbox, TheLastLineOfAWindowCanBeReachedAndNoneBeyond) {
  Window window;
  Inbox inbox(window.span(), 1);
  EXPECT_TRUE(inbox.landed(header_of(0), line_with(kWindow / kLineBytes - 1, 3)));
  EXPECT_EQ(window.flag(kWindow / kLineBytes - 1), 3u);
  const std::uint64_t beyond[] = {kWindow,
                                  kWindow - kLineBytes / 2,
                                  kWindow + kLineBytes,
                                  std::uint64_t(0) - kLineBytes,
                                  ~std::uint64_t{0},
                                  8};
  std::uint64_t sequence = 1;
  for (const std::uint64_t offset : beyond) {
    EXPECT_FALSE(inbox.landed(header_of(sequence++), lines_of({{offset, {1, 0, {}}}}))) << offset;
  }
  EXPECT_TRUE(window.guards_hold());
}

// A window need not be a number of lines.
TEST(UcxInbox, APartOfALineAtTheEndIsNoLine) {
  Window window;
  Inbox inbox(window.span().first(kLineBytes + kLineBytes / 2), 1);
  EXPECT_FALSE(inbox.landed(header_of(0), line_with(1, 3)));
  EXPECT_EQ(window.flag(1), 0u);
}

TEST(UcxInbox, DataBelongsIntoTheWindowOrNowhere) {
  Window window;
  const Inbox inbox(window.span(), 3);
  const auto place = [&](std::uint64_t offset, std::uint32_t bytes, std::uint32_t sender = 0) {
    ParcelHeader header = header_of(0, sender);
    header.offset = offset;
    header.bytes = bytes;
    return inbox.place_of(header);
  };
  std::byte* const begin = window.span().data();
  EXPECT_EQ(place(0, kWindow), begin);
  EXPECT_EQ(place(kWindow - 1, 1), begin + kWindow - 1);
  EXPECT_EQ(place(kWindow, 0), begin + kWindow);
  EXPECT_EQ(place(5, 7, /*sender=*/2), begin + 5);
  EXPECT_EQ(place(0, kWindow + 1), nullptr);
  EXPECT_EQ(place(kWindow - 1, 2), nullptr);
  EXPECT_EQ(place(kWindow + 1, 0), nullptr);
  EXPECT_EQ(place(~std::uint64_t{0}, 2), nullptr);
  EXPECT_EQ(place(1, ~std::uint32_t{0}), nullptr);
  EXPECT_EQ(place(0, 1, /*sender=*/3), nullptr);
  EXPECT_EQ(place(0, 1, ~std::uint32_t{0}), nullptr);
}

TEST(UcxInbox, LinesThatAreCutOffAreRefused) {
  const std::array<std::byte, 13> payload{};
  const std::vector<std::byte> whole = lines_of({{0, {1, 0, payload}}});
  for (std::size_t bytes = 1; bytes < whole.size(); ++bytes) {
    Window window;
    Inbox inbox(window.span(), 1);
    EXPECT_FALSE(inbox.landed(header_of(0), std::span(whole).first(bytes))) << bytes;
    EXPECT_EQ(window.flag(0), 0u);
  }
}

TEST(UcxInbox, APayloadLargerThanALineHoldsIsRefused) {
  std::vector<std::byte> lines(1000);
  const LineHeader header{.offset = 0, .flag = 1, .signature = 0, .bytes = kInlineBytes + 1};
  std::memcpy(lines.data(), &header, sizeof header);
  Window window;
  Inbox inbox(window.span(), 1);
  EXPECT_FALSE(inbox.landed(header_of(0), lines));
  EXPECT_EQ(window.flag(0), 0u);
}

// A parcel that pretends to be one that has come already must not hold up those that follow.
TEST(UcxInbox, AParcelThatComesTwiceIsRefused) {
  Window window;
  Inbox inbox(window.span(), 1);
  EXPECT_TRUE(inbox.landed(header_of(0), line_with(0, 1)));
  EXPECT_FALSE(inbox.landed(header_of(0), line_with(0, 99)));
  EXPECT_TRUE(inbox.landed(header_of(2), line_with(0, 3)));
  EXPECT_FALSE(inbox.landed(header_of(2), line_with(0, 99)));
  EXPECT_EQ(window.flag(0), 1u);
  EXPECT_TRUE(inbox.landed(header_of(1), line_with(0, 2)));
  EXPECT_EQ(window.flag(0), 3u);
}

TEST(UcxInbox, RandomBytesNeverReachBeyondTheWindow) {
  std::mt19937_64 random(1);
  Window window;
  Inbox inbox(window.span(), 4);
  for (int round = 0; round < 20'000; ++round) {
    // Each word small or arbitrary.
    ParcelHeader header;
    header.sender = static_cast<std::uint32_t>(random() % 4);
    header.sequence = random() % 2 == 0 ? round : random();
    header.offset = random() % 2 == 0 ? random() % (2 * kWindow) : random();
    header.bytes = static_cast<std::uint32_t>(random() % (2 * kWindow));
    std::vector<std::byte> lines(random() % 200);
    for (std::byte& b : lines) b = random() % 2 == 0 ? std::byte{0} : std::byte(random());
    if (lines.size() >= sizeof(LineHeader) && random() % 2 == 0) {
      const LineHeader line{.offset = random() % (2 * kWindow / kLineBytes) * kLineBytes,
                            .flag = random(),
                            .signature = 0,
                            .bytes = static_cast<std::uint32_t>(random() % 64)};
      std::memcpy(lines.data(), &line, sizeof line);
    }
    if (std::byte* place = inbox.place_of(header)) std::fill_n(place, header.bytes, std::byte{1});
    (void)inbox.landed(header, lines);
    ASSERT_TRUE(window.guards_hold()) << "round " << round;
  }
}

TEST(UcxTickets, CountTheFirstThatAreDoneInEveryOrder) {
  std::vector<std::uint64_t> order(6);
  std::iota(order.begin(), order.end(), 0);
  do {
    Tickets tickets;
    for (const std::uint64_t expected : {0, 1, 2, 3, 4, 5}) EXPECT_EQ(tickets.issue(), expected);
    std::vector<bool> done(order.size() + 1);
    for (const std::uint64_t ticket : order) {
      tickets.done(ticket);
      done[ticket] = true;
      const auto first = std::find(done.begin(), done.end(), false) - done.begin();
      ASSERT_EQ(tickets.done(), static_cast<std::uint64_t>(first));
    }
    EXPECT_EQ(tickets.issued(), 6u);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(UcxParcel, GivesATicketOnlyForDataAndGivesItBackWhenFinished) {
  Tickets tickets;
  Parcel parcel;
  EXPECT_TRUE(parcel.empty());
  parcel.add_line(0, {1, 0, {}});
  parcel.seal(1, 0, 0, &tickets);
  parcel.finish();
  EXPECT_EQ(tickets.issued(), 0u);

  const std::byte data[3] = {};
  parcel.set_data(data, 64, {});
  parcel.seal(1, 0, 1, &tickets);
  EXPECT_EQ(tickets.issued(), 1u);
  EXPECT_EQ(tickets.done(), 0u);
  parcel.finish();
  EXPECT_EQ(tickets.done(), 1u);
  EXPECT_TRUE(parcel.empty());
}

TEST(UcxParcel, SaysWhenAnotherSignalHasNoRoom) {
  std::array<std::byte, kInlineBytes> payload{};
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kInlineBytes}) {
    Parcel parcel;
    const Signal signal{1, 0, std::span(payload).first(bytes)};
    std::size_t added = 0;
    for (; parcel.has_room_for(signal); ++added) parcel.add_line(0, signal);
    const std::size_t each = sizeof(LineHeader) + padded(bytes);
    EXPECT_EQ(added, (kMostHeaderBytes - sizeof(ParcelHeader)) / each);
    EXPECT_LE(parcel.header().size(), kMostHeaderBytes);
  }
}

}  // namespace
}  // namespace tutti::ucx
