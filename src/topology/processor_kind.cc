// Source: the CPUID instruction, leaves 0 and 1 (Intel's manual, volume 2A). NCCL adds the extended
// family shifted by four bits where the manual adds it as it is: family 25 of AMD is 175 in its
// XML. The same is done here, so that what either wrote of one machine is equal.

#include <sys/utsname.h>

#include <cstring>

#include "topology/processors.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace tutti {
namespace {

// As NCCL spells it.
std::string architecture() {
  utsname system = {};
  if (uname(&system) != 0) return "";
  const std::string machine = system.machine;
  if (machine == "aarch64") return "arm64";
  if (machine == "ppc64le") return "ppc64";
  return machine;
}

#if defined(__x86_64__) || defined(__i386__)

std::string vendor() {
  unsigned most = 0;
  unsigned text[3] = {};  // "Genu" "ineI" "ntel"
  if (__get_cpuid(0, &most, &text[0], &text[2], &text[1]) == 0) return "";
  char name[sizeof text + 1] = {};
  std::memcpy(name, text, sizeof text);
  return name;
}

void add_family(Cpu& cpu) {
  unsigned version = 0, unused[3] = {};
  if (__get_cpuid(1, &version, &unused[0], &unused[1], &unused[2]) == 0) return;
  const auto bits = [&](int from, int count) {
    return static_cast<int>(version >> from & ((1u << count) - 1));
  };
  cpu.family = bits(8, 4) + (bits(20, 8) << 4);
  cpu.model = bits(4, 4) + (bits(16, 4) << 4);
}

#else

std::string vendor() { return ""; }
void add_family(Cpu&) {}

#endif

}  // namespace

Cpu this_kind_of_processor() {
  Cpu cpu;
  cpu.arch = architecture();
  cpu.vendor = vendor();
  add_family(cpu);
  return cpu;
}

}  // namespace tutti
