#include "train/checkpoint/tensor_file.h"

#include <algorithm>

#include "train/checkpoint/checksum.h"

namespace tutti::train {
namespace {

constexpr std::size_t kWritten = 4 << 20;  // at once

}  // namespace

SummedFile::SummedFile(Disk& disk, const std::string& folder, const std::string& name)
    : file_(disk.create(folder + "/" + name)), record_{name, 0, 0} {}

void SummedFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kWritten - waiting_.size());
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.begin() + count);
    if (waiting_.size() == kWritten) flush();
    bytes = bytes.subspan(count);
  }
}

void SummedFile::flush() {
  file_->write(waiting_);
  record_.crc32c = crc32c(waiting_, record_.crc32c);
  record_.bytes += waiting_.size();
  waiting_.clear();
}

FileRecord SummedFile::finish() {
  if (!waiting_.empty()) flush();
  file_->sync();
  return record_;
}

void ListedTensors::add(const SliceName& name, Element element, const std::byte* bytes) {
  tensors_.push_back({name.key(), element, name.shape()});
  bytes_.push_back(bytes);
  if (!name.is_whole()) metadata_[name.key()] = name.description();
}

FileRecord ListedTensors::write(Disk& disk, const std::string& folder,
                                const std::string& name) const {
  std::vector<StoredTensor> tensors = tensors_;
  const std::string header = safetensors_header(tensors, metadata_);
  SummedFile file(disk, folder, name);
  file.append(std::as_bytes(std::span(header)));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    file.append({bytes_[i], tensors[i].end - tensors[i].begin});
  }
  return file.finish();
}

}  // namespace tutti::train
