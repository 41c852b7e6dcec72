// Tested by cli_command_test.py.

#include "cli/doctor_host.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "cli/doctor_acs.h"
#include "cli/doctor_clock.h"
#include "cli/doctor_cma.h"
#include "cli/doctor_cuda.h"
#include "cli/doctor_files.h"
#include "cli/doctor_firewall.h"
#include "cli/doctor_gpu.h"
#include "cli/doctor_limits.h"
#include "cli/doctor_load.h"
#include "cli/doctor_locked_memory.h"
#include "cli/doctor_network.h"
#include "cli/doctor_placement.h"
#include "cli/doctor_processors.h"
#include "cli/doctor_shared_memory.h"
#include "cli/doctor_sockets.h"
#include "cli/doctor_ucx_settings.h"
#include "cli/machine.h"
#include "tutti/diagnostics.h"
#include "tutti/topology.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

bool has_rdma(const NetworkReport& network) {
  return std::any_of(network.devices.begin(), network.devices.end(),
                     [](const NetworkDevice& device) { return device.is_rdma; });
}

long speed_of_used(const std::vector<NetworkDevice>& devices) {
  long speed = 0;
  for (const NetworkDevice& device : devices) speed += device.is_chosen ? device.speed : 0;
  return speed;
}

// "mlx5_0:1" is a port of class/infiniband/mlx5_0.
PlacedDevice place(const fs::path& sys, const NetworkDevice& device) {
  const fs::path folder =
      device.is_rdma ? sys / "class/infiniband" / device.name.substr(0, device.name.find(':'))
                     : sys / "class/net" / device.name;
  return {device.name, static_cast<int>(number_in(folder / "device/numa_node").value_or(-1))};
}

std::vector<PlacedDevice> places_of_used(const NetworkReport& network) {
  std::vector<PlacedDevice> places;
  for (const NetworkDevice& device : network.devices) {
    if (device.is_chosen) places.push_back(place("/sys", device));
  }
  return places;
}

int processors_of(const Crew& crew) {
  std::set<int> all;
  for (const BoundRank& rank : crew.on_machine) {
    all.insert(rank.processors.begin(), rank.processors.end());
  }
  return static_cast<int>(all.size());
}

// Bytes that ranks touch before any buffer of the program's.
double scratch_of(const Options& options, const Crew& crew) {
  return static_cast<double>(options.scratch_bytes) * crew.on_host;
}

// Address space that a rank maps for what ranks of this host share: heap_bytes as options.h has it.
std::size_t shared_bytes(const Options& options, const Crew& crew) {
  constexpr std::size_t kMostHeap = std::size_t{1} << 40;
  const auto ranks = static_cast<std::size_t>(crew.on_host);
  const std::size_t heap =
      options.heap_bytes != 0
          ? options.heap_bytes
          : std::min<std::size_t>(this_machine().memory_bytes, kMostHeap / ranks);
  return ranks * (heap + options.scratch_bytes);
}

Section about_network(const NetworkReport& network, const Crew& crew) {
  Section section{"network", device_table(network.devices), check_network(network)};
  append(section.findings, check_ucx_settings(read_ucx_settings(environ), network, crew));
  if (network.path.starts_with("tcp")) {
    append(section.findings, check_sockets(read_socket_limits("/proc/sys")));
  }
  append(section.findings, check_firewall(read_firewall()));
  return section;
}

Section about_memory(const Options& options, const NetworkReport& network, const Crew& crew) {
  Section section{"memory", "", {}};
  append(section.findings,
         check_shared_memory(read_shared_memory("/proc", shared_bytes(options, crew)),
                             scratch_of(options, crew)));
  append(section.findings, check_locked_memory(read_locked_memory("/proc"), has_rdma(network)));
  append(section.findings, check_cma(read_cma_rights("/proc")));
  return section;
}

Section about_limits(const Options& options, const Crew& crew) {
  const Cgroup group = read_cgroup("/");
  Section section{"limits", "", {}};
  append(section.findings, check_processor_quota(group, processors_of(crew),
                                                 static_cast<int>(crew.on_machine.size())));
  append(section.findings, check_memory_limit(group, scratch_of(options, crew)));
  append(section.findings, check_task_limit(group, crew.on_host));
  append(section.findings, check_descriptors(descriptor_limit(), crew));
  return section;
}

Section about_processors(const NetworkReport& network, const Crew& crew) {
  const Processors processors = read_processors("/sys");
  Section section{"processors", "", check_placement(crew, processors, places_of_used(network))};
  append(section.findings, check_governor(processors));
  append(section.findings, check_clock(read_clock("/sys")));
  return section;
}

Findings check_links_of_gpus(const Options& options) {
  const Result<TopologyReport> found = detect_topology(options);
  if (found.ok()) return check_nvlinks(found->topology);
  return {{Severity::kNote, "NVLinks were not looked at: " + found.status().message()}};
}

Section about_gpus(const Options& options, const NetworkReport& network) {
  const GpuSystem system = read_gpu_system("/");
  const CudaFacts cuda = ask_cuda();
  Section section{"GPUs", "", check_driver(system, cuda)};
  append(section.findings, check_peers(system, cuda, read_acs("/sys")));
  if (cuda.devices > 1) append(section.findings, check_links_of_gpus(options));
  append(section.findings, check_gpu_rdma(system, cuda, has_rdma(network)));
  const std::vector<std::string>& kinds = network.ucx.memory_types;
  append(section.findings,
         check_gpudirect(
             system, cuda,
             {.is_rdma = network.path.starts_with("rdma"),
              .ucx_moves_memory = std::find(kinds.begin(), kinds.end(), "cuda") != kinds.end(),
              .wanted = options.gpudirect}));
  return section;
}

Section about_moment(const Crew& crew) {
  const Load load = watch_load("/proc");
  const auto online = static_cast<int>(this_machine().cores);
  Section section{"at this moment", "",
                  check_load(load, online, static_cast<int>(crew.on_machine.size()))};
  append(section.findings, check_steal(load.after));
  return section;
}

}  // namespace

HostReport examine_host(const Options& options, const Crew& crew) {
  const Section moment = about_moment(crew);  // first, while the other ranks sleep
  const NetworkReport network = network_report(options);
  return {.host = this_machine().host,
          .speed = speed_of_used(network.devices),
          .sections = {about_network(network, crew), about_memory(options, network, crew),
                       about_limits(options, crew), about_processors(network, crew),
                       about_gpus(options, network)},
          .moment = moment};
}

Crew crew_of_one() { return {.on_machine = {{0, allowed_cpus()}}}; }

}  // namespace tutti::cli::doctor
