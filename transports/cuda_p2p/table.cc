// Where a rank sees the shared allocations of all ranks. Tested by cuda_p2p_test.cc.

#include "transports/cuda_p2p/table.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tutti::cuda_p2p {
namespace {

constexpr std::size_t kPage = 4096;

std::chrono::milliseconds left_until(Deadline deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(left), std::chrono::milliseconds(0));
}

}  // namespace

Result<std::unique_ptr<Table>> Table::create(Device& device, int ranks) {
  std::unique_ptr<Table> table(new Table(device, ranks));
  if (Status status = table->open(); !status.ok()) return status;
  return table;
}

Status Table::open() {
  const std::size_t bytes = entries() * sizeof(std::byte*);
  static_assert(cuda::kMostShared * sizeof(std::byte*) % kPage == 0);
  // Whole pages, since those are what gets pinned.
  entries_.reset(static_cast<std::byte**>(std::aligned_alloc(kPage, bytes)));
  if (!entries_) return {Code::kSystem, "no memory for " + std::to_string(bytes) + " bytes"};
  std::memset(entries_.get(), 0, bytes);
  const Result<std::byte*> pinned =
      device_.pin(std::as_writable_bytes(std::span(entries_.get(), entries())));
  if (!pinned.ok()) return pinned.status();
  pinned_ = *pinned;
  const Result<std::byte*> on_device = device_.allocate(bytes);
  if (!on_device.ok()) return on_device.status();
  on_device_ = *on_device;
  return {};
}

Table::~Table() {
  if (on_device_) device_.release(on_device_);
  if (pinned_) device_.unpin(reinterpret_cast<std::byte*>(entries_.get()));
}

void Table::set(int rank, std::uint64_t number, std::byte* base) {
  const std::size_t entry = index(rank, number);
  entries_[entry] = base;
  first_ = first_ == end_ ? entry : std::min(first_, entry);
  end_ = std::max(end_, entry + 1);
}

Status Table::publish(Deadline deadline) {
  if (first_ == end_) return {};
  const std::size_t offset = first_ * sizeof(std::byte*);
  const std::size_t bytes = (end_ - first_) * sizeof(std::byte*);
  first_ = end_ = 0;
  const Result<Stream> stream = device_.make_stream();
  if (!stream.ok()) return stream.status();
  Status status = device_.copy(*stream, on_device_ + offset, pinned_ + offset, bytes);
  if (status.ok()) status = device_.synchronize(*stream, left_until(deadline));
  device_.end_stream(*stream);
  return status;
}

}  // namespace tutti::cuda_p2p
