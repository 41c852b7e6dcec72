// Tested by device_test.cc.

#include "device/exported_files.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace tutti {
namespace {

// A thread of the other process has nothing else to do than to answer.
constexpr std::chrono::seconds kTimeToAnswer{10};

}  // namespace

Result<SharedMemory> ExportedFiles::add(const Allocation& allocation, Descriptor file) {
  const std::scoped_lock lock(mutex_);
  if (Status status = open_door(); !status.ok()) return status;
  SharedMemory shared;
  shared.kind = SharedMemory::Kind::kFile;
  shared.process = getpid();
  shared.file = ++numbers_;
  shared.invitation = door_->invitation();
  shared.bytes = allocation.bytes;
  shared.identity = allocation.identity;
  exports_.push_back({shared.file, allocation.identity, std::move(file)});
  return shared;
}

Status ExportedFiles::open_door() {
  if (door_) return {};
  Result<std::unique_ptr<Handover>> door = Handover::open();
  if (!door.ok()) return door.status();
  Status status = (*door)->serve([this](std::uint64_t number) { return find(number); });
  if (status.ok()) door_ = std::move(*door);
  return status;
}

Descriptor ExportedFiles::find(std::uint64_t number) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(exports_.begin(), exports_.end(),
                                  [&](const Export& one) { return one.number == number; });
  return found == exports_.end() ? Descriptor() : found->file.copy();
}

void ExportedFiles::withdraw(const SharedMemory& shared) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(exports_, [&](const Export& one) { return one.number == shared.file; });
}

void ExportedFiles::withdraw_all(std::uint64_t identity) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(exports_, [&](const Export& one) { return one.identity == identity; });
}

Result<Descriptor> file_behind(const SharedMemory& shared) {
  const Wanted wanted{.giver = "process " + std::to_string(shared.process),
                      .process = shared.process,
                      .number = shared.file};
  return receive(shared.invitation, wanted, std::chrono::steady_clock::now() + kTimeToAnswer);
}

}  // namespace tutti
