// Everything that checkpoints do to a disk which changes it, one function an operation. Tests put a
// disk in its place that stops after any of them (train_checkpoint_test.cc).
//
// All of it fails (Failure) with the path and the system's reason.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace tutti::train {

/// A file being written, from its beginning.
class OutputFile {
 public:
  virtual ~OutputFile() = default;

  virtual void write(std::span<const std::byte> bytes) = 0;
  /// Afterwards a loss of power leaves the contents.
  virtual void sync() = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  /// Nothing happens where there is one. Its parent must be there.
  virtual void make_folder(const std::string& path) = 0;
  /// Replaces what has the name.
  virtual std::unique_ptr<OutputFile> create(const std::string& path) = 0;
  virtual void rename(const std::string& from, const std::string& to) = 0;
  /// A file, or an empty folder.
  virtual void remove(const std::string& path) = 0;
  /// Afterwards a loss of power leaves the names in it.
  virtual void sync_folder(const std::string& path) = 0;
};

/// The one of this machine.
class LocalDisk final : public Disk {
 public:
  void make_folder(const std::string& path) override;
  std::unique_ptr<OutputFile> create(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void sync_folder(const std::string& path) override;
};

/// Created, written, synced.
void write_file(Disk& disk, const std::string& path, std::string_view text);

}  // namespace tutti::train
