#include "train/data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "train/failure.h"

namespace tutti::train {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw Failure(path + ": cannot read: " + std::strerror(error));
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path_, errno);
  try {
    map(descriptor);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
}

MappedFile::MappedFile(int descriptor, std::string name) : path_(std::move(name)) {
  map(descriptor);
}

void MappedFile::map(int descriptor) {
  struct stat about;
  if (::fstat(descriptor, &about) != 0) fail(path_, errno);
  if (!S_ISREG(about.st_mode)) throw Failure(path_ + ": expected a file");
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) return;  // which cannot be mapped
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) fail(path_, errno);
  bytes_ = {static_cast<const std::byte*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

}  // namespace tutti::train
