// Tested by topology_processors_test.cc, on machines that hwloc makes up and on this one.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

#include "topology/number_list.h"
#include "topology/processors.h"

#ifdef TUTTI_HWLOC
#include "topology/hwloc_library.h"
#endif

namespace tutti {

#ifdef TUTTI_HWLOC

namespace {

// A machine that hwloc has looked at.
class Machine {
 public:
  explicit Machine(const HwlocApi& api) : api_(api) {}
  ~Machine() {
    if (topology_ != nullptr) api_.destroy(topology_);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Status look(const std::string& made_up) {
    if (api_.init(&topology_) != 0) return failed("cannot start");
    // Processors that a container may not use are part of the machine all the same.
    api_.set_flags(topology_, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    // PCI devices stand for what is next to which processor. Without devices of the system
    // ("eth0", "cuda0") hwloc does not wake up the GPUs' drivers.
    api_.set_type_filter(topology_, HWLOC_OBJ_PCI_DEVICE, HWLOC_TYPE_FILTER_KEEP_ALL);
    api_.set_type_filter(topology_, HWLOC_OBJ_BRIDGE, HWLOC_TYPE_FILTER_KEEP_ALL);
    api_.set_type_filter(topology_, HWLOC_OBJ_OS_DEVICE, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (!made_up.empty() && imagine(made_up) != 0)
      return failed("does not understand \"" + made_up + "\"");
    return api_.load(topology_) == 0 ? Status() : failed("cannot look at this machine");
  }

  std::vector<hwloc_obj_t> objects(hwloc_obj_type_t type) const {
    std::vector<hwloc_obj_t> all;
    const int depth = api_.depth_of(topology_, type);
    if (depth == HWLOC_TYPE_DEPTH_UNKNOWN) return all;
    const unsigned count = api_.count_at(topology_, depth);
    for (unsigned i = 0; i < count; ++i) all.push_back(api_.object_at(topology_, depth, i));
    return all;
  }

  std::vector<int> members(hwloc_const_bitmap_t set) const {
    std::vector<int> numbers;
    if (set == nullptr) return numbers;
    for (int n = api_.next_in(set, -1); n != -1; n = api_.next_in(set, n)) numbers.push_back(n);
    return numbers;
  }

  std::vector<int> allowed() const { return members(api_.allowed_cpus(topology_)); }

 private:
  int imagine(const std::string& made_up) {
    return made_up.starts_with('<')
               ? api_.set_xml(topology_, made_up.c_str(), static_cast<int>(made_up.size() + 1))
               : api_.set_synthetic(topology_, made_up.c_str());
  }

  static Status failed(const std::string& what) { return {Code::kNotSupported, "hwloc " + what}; }

  const HwlocApi& api_;
  hwloc_topology_t topology_ = nullptr;
};

const hwloc_obj* ancestor(const hwloc_obj* object, hwloc_obj_type_t type) {
  while (object != nullptr && object->type != type) object = object->parent;
  return object;
}

// As the system numbers it, where it does.
int number_of(const hwloc_obj& object) {
  const bool is_known = object.os_index != HWLOC_UNKNOWN_INDEX;
  return static_cast<int>(is_known ? object.os_index : object.logical_index);
}

// Where a logical processor is.
struct Seat {
  int package = 0;
  int core = 0;
};

using Seats = std::map<int, Seat>;  // by logical processor

Seats seats_of(const Machine& machine) {
  Seats seats;
  for (const hwloc_obj* unit : machine.objects(HWLOC_OBJ_PU)) {
    const hwloc_obj* const package = ancestor(unit, HWLOC_OBJ_PACKAGE);
    const hwloc_obj* const core = ancestor(unit, HWLOC_OBJ_CORE);
    Seat& seat = seats[number_of(*unit)];
    if (package != nullptr) seat.package = number_of(*package);
    seat.core = static_cast<int>(core == nullptr ? unit->logical_index : core->logical_index);
  }
  return seats;
}

void add_caches(const Machine& machine, Cpu& cpu) {
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
                                      HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L1CACHE}) {
    for (const hwloc_obj* object : machine.objects(type)) {
      Cache cache{.level = static_cast<int>(object->attr->cache.depth),
                  .bytes = object->attr->cache.size,
                  .cpus = {}};
      const std::vector<int> sharers = machine.members(object->cpuset);
      std::set_intersection(sharers.begin(), sharers.end(), cpu.cpus.begin(), cpu.cpus.end(),
                            std::back_inserter(cache.cpus));
      if (!cache.cpus.empty()) cpu.caches.push_back(cache);
    }
  }
}

Cpu cpu_of(const Machine& machine, const hwloc_obj* node, Seats& seats) {
  Cpu cpu = this_kind_of_processor();
  cpu.numa = number_of(*node);
  cpu.cpus = machine.members(node->cpuset);
  cpu.memory_bytes = node->attr->numanode.local_memory;
  for (const int logical : cpu.cpus) cpu.cores.push_back(seats[logical].core);
  cpu.package = seats[cpu.cpus[0]].package;
  add_caches(machine, cpu);
  return cpu;
}

// Memory without processors of its own (of a GPU, or a second kind next to the same processors) is
// no place where ranks run.
std::vector<Cpu> cpus_of(const Machine& machine) {
  std::vector<hwloc_obj_t> nodes = machine.objects(HWLOC_OBJ_NUMANODE);
  std::sort(nodes.begin(), nodes.end(),
            [](const hwloc_obj* a, const hwloc_obj* b) { return a->os_index < b->os_index; });
  Seats seats = seats_of(machine);
  std::vector<Cpu> cpus;
  std::set<int> taken;
  for (const hwloc_obj* node : nodes) {
    const std::vector<int> logical = machine.members(node->cpuset);
    if (logical.empty() || taken.contains(logical.front())) continue;
    taken.insert(logical.begin(), logical.end());
    cpus.push_back(cpu_of(machine, node, seats));
  }
  return cpus;
}

std::string bus_id(const hwloc_obj_attr_u::hwloc_pcidev_attr_s& pci) {
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", static_cast<unsigned>(pci.domain), pci.bus,
                pci.dev, pci.func);
  return text;
}

// Of devices that are next to one NUMA node; others are next to several, or nobody knows.
std::map<std::string, int> numa_of_pci(const Machine& machine) {
  std::map<std::string, int> found;
  for (const hwloc_obj* device : machine.objects(HWLOC_OBJ_PCI_DEVICE)) {
    const hwloc_obj* place = device->parent;
    while (place != nullptr && place->nodeset == nullptr) place = place->parent;
    if (place == nullptr) continue;
    const std::vector<int> nodes = machine.members(place->nodeset);
    if (nodes.size() == 1) found[bus_id(device->attr->pcidev)] = nodes.front();
  }
  return found;
}

std::vector<std::string> notes_on(const Machine& machine, const std::vector<Cpu>& cpus) {
  const std::vector<int> allowed = machine.allowed();
  std::vector<int> all;
  for (const Cpu& cpu : cpus) all.insert(all.end(), cpu.cpus.begin(), cpu.cpus.end());
  std::sort(all.begin(), all.end());
  if (allowed == all) return {};
  return {"this process may use processors " + to_list(allowed) + " of " + to_list(all)};
}

}  // namespace

Result<Processors> processors_by_hwloc(const std::string& made_up) {
  const Result<HwlocApi> api = load_hwloc();
  if (!api.ok()) return api.status();
  Machine machine(*api);
  if (Status status = machine.look(made_up); !status.ok()) return status;
  Processors found;
  found.cpus = cpus_of(machine);
  if (found.cpus.empty()) return {Code::kNotSupported, "hwloc sees no processors"};
  found.numa_of_pci = numa_of_pci(machine);
  found.notes = notes_on(machine, found.cpus);
  return found;
}

#else

Result<Processors> processors_by_hwloc(const std::string&) {
  return {Code::kNotSupported, "this library was built without hwloc (Debian: libhwloc-dev)"};
}

#endif

}  // namespace tutti
