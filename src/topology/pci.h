// PCI devices of this host, as the system shows them: what they are, and what they hang on.
//
// The tree has NCCL's shape: of a switch its upstream port stands for all of it, and root ports are
// left out. So every bridge in it is a switch, which is what paths count. Tested by
// topology_pci_test.cc.

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/topology.h"

namespace tutti {

/// Whether a name is a bus id as the system writes it: "0000:3b:00.0".
bool is_bus_id(std::string_view text);

/// The PCI device that a path of /sys/devices lies in, its links resolved: that of the last bus id
/// in it; "" where it is in none.
std::string pci_device_of(const std::filesystem::path& path);

class PciSystem {
 public:
  /// Looks below `root`/sys.
  explicit PciSystem(std::filesystem::path root) : root_(std::move(root)) {}

  /// Switches from the processor down, and the device itself at the end. Only the device where
  /// the system does not know it.
  std::vector<std::string> way_to(const std::string& bus) const;

  /// Its ids, class and link: the narrowest of itself and the port that it is plugged into. Empty
  /// where the system does not know the device.
  PciDevice describe(const std::string& bus) const;

  /// The NUMA node next to it; -1: unknown.
  int numa_of(const std::string& bus) const;

 private:
  std::filesystem::path folder_of(const std::string& bus) const;

  std::filesystem::path root_;
};

/// Puts devices below their processors, each where it hangs, and answers for each the device in
/// the tree. Devices may come again, and in any order; those of a switch are kept by bus id.
class PciTree {
 public:
  /// `numa_of` knows better than the system which NUMA node a device is next to. `cpus` must not be
  /// empty, and must outlive the tree.
  PciTree(const PciSystem& system, const std::map<std::string, int>& numa_of,
          std::vector<Cpu>& cpus)
      : system_(system), numa_of_(numa_of), cpus_(cpus) {}

  /// The device in the tree, which the next place() may move.
  PciDevice& place(const std::string& bus);

 private:
  Cpu& cpu_of(const std::string& bus) const;

  const PciSystem& system_;
  const std::map<std::string, int>& numa_of_;
  std::vector<Cpu>& cpus_;
};

}  // namespace tutti
