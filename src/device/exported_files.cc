// Tested by device_test.cc.

#include "device/exported_files.h"

#include <unistd.h>

namespace tutti {

SharedMemory ExportedFiles::add(const Allocation& allocation, Descriptor file) {
  SharedMemory shared;
  shared.kind = SharedMemory::Kind::kFile;
  shared.process = getpid();
  shared.file = file.number();
  shared.bytes = allocation.bytes;
  shared.identity = allocation.identity;
  const std::scoped_lock lock(mutex_);
  exports_.push_back({allocation.identity, std::move(file)});
  return shared;
}

void ExportedFiles::withdraw(const SharedMemory& shared) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(exports_, [&](const Export& one) {
    return one.identity == shared.identity && one.file.number() == shared.file;
  });
}

void ExportedFiles::withdraw_all(std::uint64_t identity) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(exports_, [&](const Export& one) { return one.identity == identity; });
}

}  // namespace tutti
