// Tested by heartbeat_datagram_test.cc.

#include "transports/heartbeat/datagram.h"

#include "base/check.h"
#include "bootstrap/wire.h"

namespace tutti::heartbeat {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = kKeyBytes + 1 + 4 + 1 + 1;
constexpr std::size_t kMaxNews = 255;

std::size_t bytes_of(const News& news) { return 4 + 1 + 4 + 1 + news.why.size(); }

std::size_t bytes_of(const Message& message) {
  std::size_t bytes = kHeaderBytes;
  for (const News& news : message.news) bytes += bytes_of(news);
  return bytes;
}

bool is_kind(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(Kind::kBeat) &&
         kind <= static_cast<std::uint8_t>(Kind::kAnswer);
}

bool is_news(std::uint8_t fate) {
  return fate == static_cast<std::uint8_t>(Fate::kDeparted) ||
         fate == static_cast<std::uint8_t>(Fate::kLost);
}

std::optional<int> read_rank(Reader& reader, int ranks) {
  const std::uint32_t rank = reader.u32();
  if (reader.failed() || rank >= static_cast<std::uint32_t>(ranks)) return std::nullopt;
  return static_cast<int>(rank);
}

std::optional<News> read_news(Reader& reader, int ranks) {
  const std::optional<int> rank = read_rank(reader, ranks);
  const std::uint8_t fate = reader.u8();
  const std::optional<int> by = read_rank(reader, ranks);
  const std::string_view why = reader.raw(reader.u8());
  if (!rank || !by || !is_news(fate) || why.size() > kMaxWhyBytes) return std::nullopt;
  return News{*rank, static_cast<Fate>(fate), *by, std::string(why)};
}

}  // namespace

bool add_if_fits(Message& message, const News& news) {
  if (message.news.size() == kMaxNews) return false;
  if (bytes_of(message) + bytes_of(news) > kMaxDatagramBytes) return false;
  message.news.push_back(news);
  return true;
}

std::string encode(const Message& message, std::string_view key) {
  TUTTI_CHECK(key.size() == kKeyBytes, "%zu", key.size());
  TUTTI_CHECK(bytes_of(message) <= kMaxDatagramBytes, "%zu", bytes_of(message));
  Writer writer;
  writer.raw(key).u8(kVersion).u32(static_cast<std::uint32_t>(message.from));
  writer.u8(static_cast<std::uint8_t>(message.kind));
  writer.u8(static_cast<std::uint8_t>(message.news.size()));
  for (const News& news : message.news) {
    writer.u32(static_cast<std::uint32_t>(news.rank)).u8(static_cast<std::uint8_t>(news.fate));
    writer.u32(static_cast<std::uint32_t>(news.by));
    writer.u8(static_cast<std::uint8_t>(news.why.size())).raw(news.why);
  }
  return writer.take();
}

std::optional<Message> decode(std::string_view bytes, std::string_view key, int ranks) {
  Reader reader(bytes);
  if (reader.raw(key.size()) != key || reader.u8() != kVersion) return std::nullopt;
  const std::optional<int> from = read_rank(reader, ranks);
  const std::uint8_t kind = reader.u8();
  const std::size_t count = reader.u8();
  if (!from || !is_kind(kind)) return std::nullopt;
  Message message{*from, static_cast<Kind>(kind), {}};
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<News> news = read_news(reader, ranks);
    if (!news) return std::nullopt;
    message.news.push_back(std::move(*news));
  }
  if (!reader.complete()) return std::nullopt;
  return message;
}

}  // namespace tutti::heartbeat
