// Tested by bootstrap_test.cc.

#include "bootstrap/introductions.h"

#include <limits.h>
#include <unistd.h>

#include "bootstrap/wire.h"

namespace tutti {
namespace {

constexpr std::size_t kMaxRanges = 20;  // in a message

void write(Writer& writer, const Identity& who) {
  writer.text(who.host).u32(static_cast<std::uint32_t>(who.pid));
}

void write(Writer& writer, const Endpoint& door) {
  writer.u16(door.port).u8(static_cast<std::uint8_t>(door.addresses.size()));
  for (const Address& address : door.addresses) {
    for (const std::uint8_t byte : address.ip) writer.u8(byte);
  }
}

int read_int(Reader& reader) { return static_cast<int>(reader.u32()); }

Identity read_identity(Reader& reader) {
  Identity who;
  who.host = reader.text();
  who.pid = read_int(reader);
  return who;
}

Endpoint read_endpoint(Reader& reader) {
  Endpoint door;
  door.port = reader.u16();
  door.addresses.resize(reader.u8());
  for (Address& address : door.addresses) {
    for (std::uint8_t& byte : address.ip) byte = reader.u8();
  }
  return door;
}

}  // namespace

Identity this_process() {
  char host[HOST_NAME_MAX + 1] = {};
  gethostname(host, sizeof host - 1);
  return {host, getpid()};
}

std::string describe(int rank, const Identity& who) {
  return "rank " + std::to_string(rank) + " (host " + who.host + ", pid " +
         std::to_string(who.pid) + ")";
}

std::string encode(const Hello& hello) {
  Writer writer;
  writer.u32(static_cast<std::uint32_t>(hello.rank)).u32(static_cast<std::uint32_t>(hello.ranks));
  writer.u64(static_cast<std::uint64_t>(hello.patience.count()));
  write(writer, hello.who);
  write(writer, hello.door);
  return writer.take();
}

std::optional<Hello> decode_hello(std::string_view body) {
  Reader reader(body);
  Hello hello;
  hello.rank = read_int(reader);
  hello.ranks = read_int(reader);
  hello.patience = std::chrono::milliseconds(reader.u64());
  hello.who = read_identity(reader);
  hello.door = read_endpoint(reader);
  return reader.complete() ? std::optional(hello) : std::nullopt;
}

std::string encode(const TreePlace& place) {
  Writer writer;
  writer.u32(static_cast<std::uint32_t>(place.parent));
  write(writer, place.who);
  write(writer, place.door);
  return writer.take();
}

std::optional<TreePlace> decode_place(std::string_view body) {
  Reader reader(body);
  TreePlace place;
  place.parent = read_int(reader);
  place.who = read_identity(reader);
  place.door = read_endpoint(reader);
  return reader.complete() ? std::optional(place) : std::nullopt;
}

std::string encode(const Join& join) {
  Writer writer;
  writer.u32(static_cast<std::uint32_t>(join.rank));
  write(writer, join.who);
  return writer.take();
}

std::optional<Join> decode_join(std::string_view body) {
  Reader reader(body);
  Join join;
  join.rank = read_int(reader);
  join.who = read_identity(reader);
  return reader.complete() ? std::optional(join) : std::nullopt;
}

std::string describe_ranks(const std::vector<int>& ranks) {
  std::string text;
  std::size_t shown = 0;
  for (std::size_t range = 0; shown < ranks.size() && range < kMaxRanges; ++range) {
    std::size_t last = shown;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(ranks[shown]);
    if (last > shown) text.append("-").append(std::to_string(ranks[last]));
    shown = last + 1;
  }
  if (shown < ranks.size()) text += " and " + std::to_string(ranks.size() - shown) + " more";
  return (ranks.size() == 1 ? "rank " : "ranks ") + text;
}

}  // namespace tutti
