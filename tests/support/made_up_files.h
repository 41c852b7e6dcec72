// A folder of files that a test makes up, such as a /sys of another machine; gone with the object.

#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

namespace tutti::test {

class MadeUpFiles {
 public:
  MadeUpFiles() : root_(fresh_folder()) { std::filesystem::create_directories(root_); }
  ~MadeUpFiles() { std::filesystem::remove_all(root_); }
  MadeUpFiles(const MadeUpFiles&) = delete;
  MadeUpFiles& operator=(const MadeUpFiles&) = delete;

  const std::filesystem::path& root() const { return root_; }

  /// A file with the text as its only line, and the folders that it is in.
  void write(const std::string& path, const std::string& line) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << line << "\n";
  }

  void folder(const std::string& path) const { std::filesystem::create_directories(root_ / path); }

  /// A link at `path` to `target`, a path below the same root.
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::filesystem::create_symlink(root_ / target, root_ / path);
  }

  /// The PCI device that ends `chain`, a path such as "pci0000:00/0000:00:01.0/0000:01:00.0",
  /// where the system has it; it may be said again. Answers its folder.
  std::string pci(const std::string& chain, const std::string& class_code, int numa) const {
    const std::string folder = "sys/devices/" + chain;
    const std::string bus = std::filesystem::path(chain).filename();
    write(folder + "/class", class_code);
    write(folder + "/numa_node", std::to_string(numa));
    if (!std::filesystem::exists(root_ / "sys/bus/pci/devices" / bus)) {
      link("sys/bus/pci/devices/" + bus, folder);
    }
    return folder;
  }

 private:
  // Tests run beside each other, in processes and in one.
  static std::filesystem::path fresh_folder() {
    static std::atomic<int> next = 0;
    return std::filesystem::temp_directory_path() /
           ("made_up." + std::to_string(getpid()) + "." + std::to_string(next++));
  }

  const std::filesystem::path root_;
};

}  // namespace tutti::test
