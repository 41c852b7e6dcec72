// CRC-32C (Castagnoli), as in iSCSI (RFC 3720, appendix B.4), eight bytes at a time.
//
// Kounavis and Berry, "A systematic approach to building high performance software-based CRC
// generators", 2005. Tested by train_checkpoint_test.cc against the RFC's examples.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tutti::train {

/// Of bytes that follow those of which `before` is the checksum.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace tutti::train
