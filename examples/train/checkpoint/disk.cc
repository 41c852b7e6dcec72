#include "train/checkpoint/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "train/failure.h"

namespace tutti::train {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Failure(path + ": cannot " + what + ": " + std::strerror(errno));
}

class LocalFile final : public OutputFile {
 public:
  explicit LocalFile(std::string path)
      : path_(std::move(path)),
        descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail(path_, "create");
  }
  ~LocalFile() override { ::close(descriptor_); }

  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "write");
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void sync() override {
    if (::fsync(descriptor_) != 0) fail(path_, "sync");
  }

 private:
  const std::string path_;
  const int descriptor_;
};

}  // namespace

void LocalDisk::make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) fail(path, "make this folder");
}

std::unique_ptr<OutputFile> LocalDisk::create(const std::string& path) {
  return std::make_unique<LocalFile>(path);
}

void LocalDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(from, ("rename to " + to).c_str());
}

void LocalDisk::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0 && errno != ENOENT) fail(path, "remove");
}

void LocalDisk::sync_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail(path, "open");
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  // Some file systems of networks have no such thing.
  if (result != 0 && error != EINVAL) fail(path, "sync");
}

void write_file(Disk& disk, const std::string& path, std::string_view text) {
  const auto file = disk.create(path);
  file->write(std::as_bytes(std::span(text)));
  file->sync();
}

}  // namespace tutti::train
