// A file's bytes in memory, read when they are looked at: files may be larger than memory, and
// ranks of a host share what they read.
//
// A resource. The file must not become shorter while it is mapped (the system answers with SIGBUS).
// Tested by train_data_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tutti::train {

class MappedFile {
 public:
  /// Fails, naming the file and why. Folders are refused.
  explicit MappedFile(std::string path);
  /// Of an open file, which may be closed afterwards; `name` is for messages.
  MappedFile(int descriptor, std::string name);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  void map(int descriptor);

  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace tutti::train
