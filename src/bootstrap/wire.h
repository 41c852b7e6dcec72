// Values as bytes and back, for the frames of a start: little-endian, lengths before texts.
//
// A Reader never reads beyond its bytes. After a failed read it answers zeros and empty texts, and
// complete() is false: check once, at the end. Tested by bootstrap_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tutti {

class Writer {
 public:
  Writer& u8(std::uint8_t value) { return integer(value, 1); }
  Writer& u16(std::uint16_t value) { return integer(value, 2); }
  Writer& u32(std::uint32_t value) { return integer(value, 4); }
  Writer& u64(std::uint64_t value) { return integer(value, 8); }
  /// The bytes alone; the reader knows how many.
  Writer& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  /// REQUIRES: text.size() < 2^32.
  Writer& text(std::string_view text) {
    return u32(static_cast<std::uint32_t>(text.size())).raw(text);
  }

  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  Writer& integer(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }

  std::string bytes_;
};

class Reader {
 public:
  /// `bytes` must outlive the reader and the views it gives.
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  std::string_view raw(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view text() { return raw(u32()); }

  std::size_t left() const { return rest_.size(); }
  bool failed() const { return failed_; }
  /// Every read succeeded, and nothing is left over.
  bool complete() const { return !failed_ && rest_.empty(); }

 private:
  std::uint64_t integer(int size) {
    std::uint64_t value = 0;
    int shift = 0;
    for (const char byte : raw(size)) {
      value |= std::uint64_t{static_cast<std::uint8_t>(byte)} << shift;
      shift += 8;
    }
    return value;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace tutti
