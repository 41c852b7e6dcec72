// Tested by cli_command_test.py.

#include "cli/buffers.h"

#include <fmt/format.h>

#include <algorithm>

namespace tutti::cli {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Result<std::unique_ptr<Buffers>> Buffers::make(BufferMemory kind, Communicator& communicator,
                                               GpuBench* gpu, std::size_t bytes_each) {
  auto buffers = std::make_unique<Buffers>();
  buffers->gpu_ = gpu;
  const std::size_t bytes = std::max(kPage, (bytes_each + kPage - 1) / kPage * kPage);
  for (int area = 0; area < 2; ++area) {
    const Status status = gpu != nullptr ? buffers->make_on_gpu(kind, communicator, bytes, area)
                                         : buffers->make_here(kind, communicator, bytes, area);
    if (!status.ok()) return status;
  }
  return buffers;
}

Buffers::~Buffers() {
  for (std::byte* memory : on_gpu_) {
    if (memory != nullptr) gpu_->free(memory);
  }
}

Status Buffers::make_here(BufferMemory kind, Communicator& communicator, std::size_t bytes,
                          int number) {
  if (kind == BufferMemory::kAllocate) {
    auto memory = communicator.allocate(bytes);
    if (!memory.ok()) return memory.status();
    given_[number] = std::move(*memory);
    area(number) = {given_[number].data(), bytes};
    return {};
  }
  own_[number].reset(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
  if (own_[number] == nullptr) {
    return {Code::kSystem, fmt::format("the system refuses {} bytes of memory", bytes)};
  }
  area(number) = {own_[number].get(), bytes};
  if (kind == BufferMemory::kPlain) return {};
  auto memory = communicator.register_memory(area(number));
  if (!memory.ok()) return memory.status();
  given_[number] = std::move(*memory);
  return {};
}

Status Buffers::make_on_gpu(BufferMemory kind, Communicator& communicator, std::size_t bytes,
                            int number) {
  own_[number].reset(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
  if (own_[number] == nullptr) {
    return {Code::kSystem, fmt::format("the system refuses {} bytes of memory", bytes)};
  }
  if (kind == BufferMemory::kAllocate) {
    auto memory = communicator.allocate_on_device(bytes);
    if (!memory.ok()) return memory.status();
    given_[number] = std::move(*memory);
    area(number) = {given_[number].data(), bytes};
    return {};
  }
  const auto memory = gpu_->allocate(bytes);
  if (memory.ok()) on_gpu_[number] = *memory;
  area(number) = {on_gpu_[number], bytes};
  if (kind == BufferMemory::kPlain) return memory.status();
  const Status status = communicator.register_on_device(on_gpu_[number]);
  return memory.ok() ? status : memory.status();
}

std::byte* Buffers::here(const std::byte* place) const {
  if (gpu_ == nullptr) return const_cast<std::byte*>(place);
  const bool is_input = place >= input_.data() && place < input_.data() + input_.size();
  return own_[is_input ? 0 : 1].get() + (place - (is_input ? input_ : output_).data());
}

Status Buffers::push(std::size_t bytes) const {
  if (gpu_ == nullptr) return {};
  const Status status = gpu_->write(input_.data(), {own_[0].get(), bytes});
  return status.ok() ? gpu_->write(output_.data(), {own_[1].get(), bytes}) : status;
}

Status Buffers::pull(std::size_t bytes) const {
  if (gpu_ == nullptr) return {};
  return gpu_->read({own_[1].get(), bytes}, output_.data());
}

}  // namespace tutti::cli
