#include "communicator/device_memory.h"

#include <algorithm>
#include <utility>

#include "bootstrap/exchange.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

std::string pack(const std::set<std::uint64_t>& numbers) {
  Writer writer;
  for (const std::uint64_t number : numbers) writer.u64(number);
  return writer.take();
}

std::set<std::uint64_t> unpack(const std::string& text) {
  Reader reader(text);
  std::set<std::uint64_t> numbers;
  for (std::size_t i = 0; i < text.size() / sizeof(std::uint64_t); ++i)
    numbers.insert(reader.u64());
  return numbers;
}

}  // namespace

DeviceMemory::~DeviceMemory() {
  for (const auto& [number, data] : pieces_) {
    if (data != nullptr) device_.release(data);
  }
}

Result<Memory> DeviceMemory::allocate(Bootstrap& bootstrap, std::size_t bytes, Deadline deadline) {
  if (Status status = withdraw_ended(bootstrap, deadline); !status.ok()) return status;
  Result<std::byte*> base = bytes == 0 ? nullptr : device_.allocate(bytes);
  Result<Allocation> allocation = Allocation();
  if (!base.ok()) {
    allocation = base.status();
  } else if (*base != nullptr) {
    allocation = device_.allocation_of(*base);
  }
  if (Status status = share_agreed(bootstrap, allocation, deadline); !status.ok()) {
    if (base.ok() && *base != nullptr) device_.release(*base);
    return status;
  }
  pieces_[made_++] = *base;
  return Memory(*base, bytes, this);
}

Status DeviceMemory::share(Bootstrap& bootstrap, const void* address, Deadline deadline) {
  Result<Allocation> allocation = Allocation();
  if (address != nullptr) allocation = device_.allocation_of(address);
  return share_agreed(bootstrap, std::move(allocation), deadline);
}

Status DeviceMemory::share_agreed(Bootstrap& bootstrap, Result<Allocation> mine,
                                  Deadline deadline) {
  if (Status status = agree(bootstrap, mine.status(), deadline); !status.ok()) return status;
  return boards_ == nullptr ? Status() : boards_->share(bootstrap, *mine, deadline);
}

void DeviceMemory::give_back(std::byte* data, std::size_t) {
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [&](const auto& one) {
    return one.second == data && !ended_.contains(one.first);
  });
  if (piece == pieces_.end()) return;
  if (boards_ != nullptr) {
    ended_.insert(piece->first);
    return;
  }
  if (data != nullptr) device_.release(data);
  pieces_.erase(piece);
}

// Those that have ended on all ranks.
Status DeviceMemory::withdraw_ended(Bootstrap& bootstrap, Deadline deadline) {
  if (boards_ == nullptr) return {};
  Result<std::vector<std::string>> texts = bootstrap.all_gather(pack(ended_), deadline);
  if (!texts.ok()) return texts.status();
  std::set<std::uint64_t> everywhere = unpack(texts->at(0));
  for (const std::string& text : *texts) {
    const std::set<std::uint64_t> theirs = unpack(text);
    std::erase_if(everywhere, [&](std::uint64_t number) { return !theirs.contains(number); });
  }
  for (const std::uint64_t number : everywhere) {
    if (Status status = withdraw(bootstrap, number, deadline); !status.ok()) return status;
  }
  return {};
}

Status DeviceMemory::withdraw(Bootstrap& bootstrap, std::uint64_t number, Deadline deadline) {
  std::byte* const base = pieces_.at(number);
  Allocation allocation;
  if (base != nullptr) allocation = *device_.allocation_of(base);
  if (Status status = boards_->withdraw(bootstrap, allocation, deadline); !status.ok()) {
    return status;
  }
  if (base != nullptr) device_.release(base);
  pieces_.erase(number);
  ended_.erase(number);
  return {};
}

}  // namespace tutti
