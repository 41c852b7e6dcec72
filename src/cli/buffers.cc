// Tested by cli_command_test.py.

#include "cli/buffers.h"

#include <fmt/format.h>

#include <algorithm>

namespace tutti::cli {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Result<std::unique_ptr<Buffers>> Buffers::make(BufferMemory kind, Communicator& communicator,
                                               std::size_t bytes_each) {
  auto buffers = std::make_unique<Buffers>();
  const std::size_t bytes = std::max(kPage, (bytes_each + kPage - 1) / kPage * kPage);
  std::span<std::byte>* const areas[] = {&buffers->input_, &buffers->output_};
  for (int i = 0; i < 2; ++i) {
    if (kind == BufferMemory::kAllocate) {
      auto memory = communicator.allocate(bytes);
      if (!memory.ok()) return memory.status();
      buffers->given_[i] = std::move(*memory);
      *areas[i] = {buffers->given_[i].data(), bytes};
      continue;
    }
    buffers->own_[i].reset(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
    if (buffers->own_[i] == nullptr) {
      return Status(Code::kSystem, fmt::format("the system refuses {} bytes of memory", bytes));
    }
    *areas[i] = {buffers->own_[i].get(), bytes};
    if (kind == BufferMemory::kPlain) continue;
    auto memory = communicator.register_memory(*areas[i]);
    if (!memory.ok()) return memory.status();
    buffers->given_[i] = std::move(*memory);
  }
  return buffers;
}

}  // namespace tutti::cli
