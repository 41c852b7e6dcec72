// Memory that peers reach: pieces of this rank's window.
//
// Asking where every rank's buffers are costs each call a little. It is done only on communicators
// that have such memory, which all ranks must know alike: hence allocate() is collective.
//
// Tested by allocate_test.cc.

#include <sys/mman.h>

#include <utility>

#include "communicator/impl.h"

namespace tutti {

Result<std::size_t> Communicator::Impl::take_heap(const std::string& what, std::size_t bytes,
                                                  const Status& objection) {
  std::optional<std::size_t> offset;
  if (objection.ok()) offset = heap_.take(bytes);
  std::uint8_t mine = offset.has_value(), all = 0;
  const Call agree =
      tutti::all_reduce({&mine, 1, DataType::kUint8}, {&all, 1, DataType::kUint8}, Reduction::kMin);
  Status status = run(agree);
  if (status.ok() && all != 0) {
    may_be_mapped_ = true;
    return *offset;
  }
  if (offset) heap_.give_back(*offset);
  if (!objection.ok()) return objection;
  if (!status.ok()) return status;
  if (mine != 0) return {Code::kSystem, what + ": another rank could not, and says why"};
  return {Code::kSystem, what + ": the largest free piece of the heap (option heap_bytes) has " +
                             std::to_string(heap_.largest_hole())};
}

std::byte* Communicator::Impl::heap_at(std::size_t offset) const {
  const Site& site = executor_->site();
  return site.windows[site.rank] + site.layout.heap + offset;
}

Result<Memory> Communicator::Impl::allocate(std::size_t bytes) {
  Result<std::size_t> offset = take_heap("allocate: " + std::to_string(bytes) + " bytes", bytes);
  if (!offset.ok()) return offset.status();
  return Memory(heap_at(*offset), bytes, this);
}

void Communicator::Impl::give_back(std::byte* data, std::size_t bytes) {
  // Calls under way may be using it.
  if (background_ != nullptr) (void)Request(background_->add({})).wait();
  std::byte* piece = unregister(data, bytes);
  if (piece == nullptr) piece = data;
  const std::size_t length = heap_.give_back(static_cast<std::size_t>(piece - heap_at(0)));
  // Back to the system: shared pages are not freed by being forgotten.
  (void)madvise(piece, length, MADV_REMOVE);
}

Memory::Memory() = default;
Memory::Memory(std::byte* data, std::size_t bytes, Owner* owner)
    : data_(data), bytes_(bytes), owner_(owner) {}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      owner_(std::exchange(other.owner_, nullptr)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(owner_, other.owner_);
  return *this;
}

Memory::~Memory() {
  if (owner_ != nullptr) owner_->give_back(data_, bytes_);
}

}  // namespace tutti
