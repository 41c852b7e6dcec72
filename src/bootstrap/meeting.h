// What a unique id says, taken apart: where the root listens, which job this is, the secret.
//
// Format 1, 128 bytes: "TUTI", version, number of addresses (1-5), port (2, little-endian), job
// (16), secret (16), five addresses of 16 bytes as IPv6 (unused ones zero), and the first 8 bytes
// of the SHA-256 of all that. Tested by unique_id_test.cc.

#pragma once

#include <string>

#include "bootstrap/address.h"
#include "tutti/unique_id.h"

namespace tutti {

inline constexpr std::size_t kJobBytes = 16;
inline constexpr std::size_t kSecretBytes = 16;
inline constexpr std::size_t kMaxAddresses = 5;

struct Meeting {
  Endpoint root;
  std::string job;     // kJobBytes, random; travels in the clear
  std::string secret;  // kSecretBytes, never sent
  // The root listened before anyone could know of this meeting: if it refuses, it has gone.
  bool already_open = true;
  std::string keeper = "the process that made the unique id";  // whose root it is, for messages
};

/// REQUIRES: 1 to kMaxAddresses addresses, kJobBytes and kSecretBytes.
UniqueId encode(const Meeting& meeting);
/// kInvalidArgument for bytes that are no id, of another format, or garbled.
Result<Meeting> decode(const UniqueId& id);

/// At most kMaxAddresses, of which the last, loopback, is kept.
std::vector<Address> most_useful(std::vector<Address> addresses);

/// Unpredictable bytes from the system.
Result<std::string> random_bytes(std::size_t count);

}  // namespace tutti
