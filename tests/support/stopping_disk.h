// A disk that stops: after some operations nothing happens any more, as if the run had been killed
// or the power had gone.

#pragma once

#include <filesystem>
#include <mutex>
#include <set>

#include "train/checkpoint/disk.h"
#include "train/failure.h"

namespace tutti::train {

class StoppingDisk final : public Disk {
 public:
  /// `operations` are done; the next one, if it writes, by half.
  explicit StoppingDisk(long operations) : left_(operations) {}

  void make_folder(const std::string& path) override {
    may_go_on();
    disk_.make_folder(path);
  }
  std::unique_ptr<OutputFile> create(const std::string& path) override {
    may_go_on();
    std::lock_guard lock(mutex_);
    unsynced_.insert(path);
    return std::make_unique<File>(*this, path, disk_.create(path));
  }
  void rename(const std::string& from, const std::string& to) override {
    may_go_on();
    disk_.rename(from, to);
    std::lock_guard lock(mutex_);
    std::set<std::string> unsynced;
    for (const std::string& path : unsynced_) {
      unsynced.insert(path.starts_with(from + "/") ? to + path.substr(from.size()) : path);
    }
    unsynced_ = std::move(unsynced);
  }
  void remove(const std::string& path) override {
    may_go_on();
    disk_.remove(path);
  }
  void sync_folder(const std::string& path) override {
    may_go_on();
    disk_.sync_folder(path);
  }

  long done() const { return done_; }
  bool stopped() const { return stopped_; }

  /// What a loss of power does to contents that were not synced.
  void lose_unsynced() {
    for (const std::string& path : unsynced_) {
      if (std::filesystem::exists(path)) std::filesystem::resize_file(path, 0);
    }
  }

 private:
  class File final : public OutputFile {
   public:
    File(StoppingDisk& disk, std::string path, std::unique_ptr<OutputFile> file)
        : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}

    void write(std::span<const std::byte> bytes) override {
      try {
        disk_.may_go_on();
      } catch (const Failure&) {
        file_->write(bytes.first(bytes.size() / 2));
        throw;
      }
      file_->write(bytes);
    }
    void sync() override {
      disk_.may_go_on();
      file_->sync();
      std::lock_guard lock(disk_.mutex_);
      disk_.unsynced_.erase(path_);
    }

   private:
    StoppingDisk& disk_;
    const std::string path_;
    const std::unique_ptr<OutputFile> file_;
  };

  void may_go_on() {
    std::lock_guard lock(mutex_);
    if (left_ == 0) {
      stopped_ = true;
      throw Failure("the disk has stopped");
    }
    --left_;
    ++done_;
  }

  LocalDisk disk_;
  std::mutex mutex_;  // ranks are threads
  long left_;
  long done_ = 0;
  bool stopped_ = false;
  std::set<std::string> unsynced_;
};

}  // namespace tutti::train
