// SHA-256 and HMAC-SHA-256: how two processes prove to each other that they know a secret.
//
// Small rather than fast: a start hashes a few hundred bytes a connection.
// Source: FIPS 180-4, RFC 2104. Tested by sha256_test.cc.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tutti {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view message);
Digest hmac_sha256(std::string_view key, std::string_view message);

/// Takes the same time wherever they differ, so that timing tells a stranger nothing.
bool equal_in_constant_time(const Digest& a, const Digest& b);

std::string_view as_text(const Digest& digest);

}  // namespace tutti
