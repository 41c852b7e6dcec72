// Tested by unique_id_test.cc.

#include "bootstrap/meeting.h"

#include <sys/random.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/check.h"
#include "bootstrap/sha256.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

constexpr std::string_view kMagic = "TUTI";
constexpr int kVersion = 1;
constexpr std::size_t kIdBytes = sizeof(UniqueId::bytes);
constexpr std::size_t kChecksumBytes = 8;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string_view text_of(const UniqueId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

Status not_an_id(const std::string& why) {
  return Status(Code::kInvalidArgument, "this is not a usable unique id: " + why);
}

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

int digit_value(char c) {
  const std::size_t at = kHexDigits.find(static_cast<char>(std::tolower(c)));
  return c == '\0' || at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

UniqueId encode(const Meeting& meeting) {
  const std::vector<Address>& addresses = meeting.root.addresses;
  TUTTI_CHECK(!addresses.empty() && addresses.size() <= kMaxAddresses, "%zu", addresses.size());
  TUTTI_CHECK(meeting.job.size() == kJobBytes && meeting.secret.size() == kSecretBytes);
  Writer writer;
  writer.raw(kMagic).u8(kVersion).u8(static_cast<std::uint8_t>(addresses.size()));
  writer.u16(meeting.root.port).raw(meeting.job).raw(meeting.secret);
  for (std::size_t i = 0; i < kMaxAddresses; ++i) {
    const Address address = i < addresses.size() ? addresses[i] : Address{};
    for (const std::uint8_t byte : address.ip) writer.u8(byte);
  }
  writer.raw(as_text(sha256(writer.bytes())).substr(0, kChecksumBytes));
  TUTTI_CHECK(writer.bytes().size() == kIdBytes, "%zu", writer.bytes().size());
  UniqueId id;
  std::memcpy(id.bytes.data(), writer.bytes().data(), kIdBytes);
  return id;
}

Result<Meeting> decode(const UniqueId& id) {
  const std::string_view text = text_of(id);
  Reader reader(text);
  if (reader.raw(kMagic.size()) != kMagic) {
    return not_an_id("it does not begin with \"TUTI\"; was it made by make_unique_id?");
  }
  if (const int version = reader.u8(); version != kVersion) {
    return not_an_id("it has format " + std::to_string(version) +
                     ", this library understands format " + std::to_string(kVersion));
  }
  const std::string_view checked = text.substr(0, kIdBytes - kChecksumBytes);
  if (as_text(sha256(checked)).substr(0, kChecksumBytes) != text.substr(checked.size())) {
    return not_an_id("its checksum is wrong: some of its 128 bytes were changed on the way");
  }
  const std::size_t count = reader.u8();
  if (count < 1 || count > kMaxAddresses) {
    return not_an_id("it has " + std::to_string(count) + " addresses, expected 1 to 5");
  }
  Meeting meeting;
  meeting.root.port = reader.u16();
  meeting.job = reader.raw(kJobBytes);
  meeting.secret = reader.raw(kSecretBytes);
  for (std::size_t i = 0; i < count; ++i) {
    Address& address = meeting.root.addresses.emplace_back();
    for (std::uint8_t& byte : address.ip) byte = reader.u8();
  }
  return meeting;
}

std::vector<Address> most_useful(std::vector<Address> addresses) {
  if (addresses.size() > kMaxAddresses) {
    addresses[kMaxAddresses - 1] = addresses.back();
    addresses.resize(kMaxAddresses);
  }
  return addresses;
}

Result<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) {
    return Status(Code::kSystem, std::string("getrandom: ") + std::strerror(errno));
  }
  return bytes;
}

std::string UniqueId::to_string() const {
  std::string text;
  for (const std::byte byte : bytes) {
    text += kHexDigits[std::to_integer<int>(byte) >> 4];
    text += kHexDigits[std::to_integer<int>(byte) & 15];
  }
  return text;
}

Result<UniqueId> UniqueId::parse(std::string_view text) {
  text = trimmed(text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (digit_value(text[i]) < 0) {
      return not_an_id("character " + std::to_string(i + 1) + " of its text is '" + text[i] +
                       "', expected a hexadecimal digit");
    }
  }
  if (text.size() != 2 * kIdBytes) {
    return not_an_id("its text has " + std::to_string(text.size()) +
                     " digits, expected 256; was it cut off?");
  }
  UniqueId id;
  for (std::size_t i = 0; i < kIdBytes; ++i) {
    id.bytes[i] =
        static_cast<std::byte>(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
  }
  if (Result<Meeting> meeting = decode(id); !meeting.ok()) return meeting.status();
  return id;
}

}  // namespace tutti
