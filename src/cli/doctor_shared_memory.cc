// Tested by cli_doctor_memory_test.cc.

#include "cli/doctor_shared_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr long kSpareMaps = 1000;  // UCX and a program's own libraries come on top
constexpr double kUsualShm = 1 << 30;
constexpr const char* kSeccompFix =
    "allow memfd_create in the container's seccomp profile: docker --security-opt seccomp=…";

std::string failed(const char* call) { return fmt::format("{}: {}", call, std::strerror(errno)); }

std::string try_file(int file, std::size_t bytes) {
  if (file < 0) return failed("memfd_create");
  if (ftruncate(file, static_cast<off_t>(bytes)) != 0) return failed("ftruncate");
  void* const data =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (data == MAP_FAILED) return failed("mmap");
  munmap(data, bytes);
  // Not by touching it: no room would be SIGBUS.
  return pwrite(file, "", 1, 0) == 1 ? "" : failed("pwrite");
}

std::string try_anonymous_file(std::size_t bytes) {
  const int file = memfd_create("tutti doctor", MFD_CLOEXEC);
  const std::string failure = try_file(file, bytes);
  if (file >= 0) close(file);
  return failure;
}

double kib_of(const fs::path& meminfo, const char* key) {
  return std::strtod(value_of(meminfo, key).c_str(), nullptr);
}

std::optional<double> size_of_shm() {
  struct statvfs status = {};
  if (statvfs("/dev/shm", &status) != 0) return std::nullopt;
  return static_cast<double>(status.f_blocks) * static_cast<double>(status.f_frsize);
}

Finding missing(const SharedMemory& memory) {
  return {Severity::kFails, fmt::format("no memory can be shared: {}", memory.failure),
          "ranks of one host make no communicator",
          memory.is_filtered ? kSeccompFix
                             : "see ulimit -v and ulimit -f, or set a smaller TUTTI_HEAP"};
}

Finding strict(double room, double needed) {
  return {room < needed ? Severity::kFails : Severity::kNote,
          fmt::format("vm.overcommit_memory is 2: {} may still be committed", bytes_text(room)),
          "who touches a page of shared memory beyond that is ended by SIGBUS",
          "sysctl -w vm.overcommit_memory=0, or a larger vm.overcommit_ratio"};
}

Finding few_maps(const SharedMemory& memory) {
  return {Severity::kFails,
          fmt::format("vm.max_map_count is {}, and this small program has {} maps already",
                      *memory.most_maps, memory.maps),
          "programs run out of memory maps: \"Cannot allocate memory\" with memory left",
          "sysctl -w vm.max_map_count=65530"};
}

Finding small_shm(double bytes) {
  return {Severity::kNote, fmt::format("/dev/shm is {}", bytes_text(bytes)),
          "nothing for Tutti, which does not use it; Open MPI, NCCL and PyTorch do",
          "docker --shm-size=8g; mount -o remount,size=8g /dev/shm"};
}

}  // namespace

SharedMemory read_shared_memory(const fs::path& proc, std::size_t bytes) {
  const fs::path meminfo = proc / "meminfo";
  return {.failure = try_anonymous_file(bytes),
          .is_filtered = value_of(proc / "self/status", "Seccomp") == "2",
          .is_strict = number_in(proc / "sys/vm/overcommit_memory") == 2,
          .room = 1024 * (kib_of(meminfo, "CommitLimit") - kib_of(meminfo, "Committed_AS")),
          .maps = static_cast<long>(lines_of(proc / "self/maps").size()),
          .most_maps = number_in(proc / "sys/vm/max_map_count"),
          .shm = size_of_shm()};
}

Findings check_shared_memory(const SharedMemory& memory, double needed) {
  Findings findings;
  findings.push_back(memory.failure.empty() ? good("ranks of this host can share memory (memfd)")
                                            : missing(memory));
  if (memory.is_strict) findings.push_back(strict(memory.room, needed));
  if (memory.most_maps && *memory.most_maps < memory.maps + kSpareMaps) {
    findings.push_back(few_maps(memory));
  }
  if (memory.shm && *memory.shm < kUsualShm) findings.push_back(small_shm(*memory.shm));
  return findings;
}

}  // namespace tutti::cli::doctor
