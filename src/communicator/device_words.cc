#include "communicator/device_words.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace tutti {

Result<std::unique_ptr<PinnedWords>> PinnedWords::create(Device& device, std::size_t count) {
  constexpr std::size_t kPage = 4096;
  const std::size_t bytes = (count * sizeof(std::uint32_t) + kPage - 1) / kPage * kPage;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return {Code::kSystem,
            "cannot map " + std::to_string(bytes) + " bytes: " + std::strerror(errno)};
  }
  std::unique_ptr<PinnedWords> words(
      new PinnedWords(device, bytes, static_cast<std::uint32_t*>(memory)));
  Result<std::byte*> pinned = device.pin({static_cast<std::byte*>(memory), bytes});
  if (!pinned.ok()) return pinned.status();
  words->on_device_ = reinterpret_cast<std::uint32_t*>(*pinned);
  return words;
}

PinnedWords::~PinnedWords() {
  if (forgotten_) return;
  if (on_device_ != nullptr) device_.unpin(reinterpret_cast<std::byte*>(memory_));
  munmap(memory_, bytes_);
}

}  // namespace tutti
