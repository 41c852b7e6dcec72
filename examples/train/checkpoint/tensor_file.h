// Writes safetensors files: whole tensors or slices of them, one after the other, with a checksum
// of it all.
//
// Tested by train_checkpoint_test.cc.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/checkpoint/manifest.h"
#include "train/checkpoint/safetensors.h"
#include "train/checkpoint/tensor_store.h"

namespace tutti::train {

/// A file of which all bytes are counted and summed, in pieces that a disk likes.
class SummedFile {
 public:
  SummedFile(Disk& disk, const std::string& folder, const std::string& name);

  void append(std::span<const std::byte> bytes);
  /// Written to the end, and synced.
  FileRecord finish();

 private:
  void flush();

  std::unique_ptr<OutputFile> file_;
  FileRecord record_;
  std::vector<std::byte> waiting_;
};

/// What is to be in a file: slices' names, and where their numbers are.
class ListedTensors {
 public:
  /// The numbers must live until write().
  template <class T>
  void add(const SliceName& name, const T* values) {
    add(name, kElementOf<T>, reinterpret_cast<const std::byte*>(values));
  }
  FileRecord write(Disk& disk, const std::string& folder, const std::string& file) const;

 private:
  void add(const SliceName& name, Element element, const std::byte* bytes);

  std::vector<StoredTensor> tensors_;
  std::vector<const std::byte*> bytes_;
  std::map<std::string, std::string> metadata_ = {{"format", "pt"}};  // which transformers wants
};

}  // namespace tutti::train
