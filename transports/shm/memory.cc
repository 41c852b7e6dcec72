// Shared memory without a name. Tested by shm_test.cc.

#include "transports/shm/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "transports/shm/error.h"

#ifndef MFD_NOEXEC_SEAL  // Linux 6.3
#define MFD_NOEXEC_SEAL 8U
#endif

namespace tutti::shm {
namespace {

// 128 TiB is what user space has on x86-64 with four levels of page tables; leave room for others.
constexpr std::size_t kLargest = std::size_t{120} << 40;

std::string size_text(std::size_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  double size = static_cast<double>(bytes);
  for (; size >= 1024 && unit < 4; ++unit) size /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g %s", size, units[unit]);
  return text;
}

// The limit that may be the reason: "; the limit (ulimit -v) is 1 GiB", or "" when there is none.
std::string limit_text(int resource, const char* option) {
  rlimit limit = {};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return "";
  if (limit.rlim_cur == RLIM_INFINITY) return "";
  return std::string("; the limit (ulimit ") + option + ") is " + size_text(limit.rlim_cur);
}

int open_memory() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  // Where vm.memfd_noexec insists, the flag is required; kernels before 6.3 do not know it.
  const int fd = memfd_create("tutti", kFlags | MFD_NOEXEC_SEAL);
  return fd >= 0 || errno != EINVAL ? fd : memfd_create("tutti", kFlags);
}

}  // namespace

Result<Layout> Layout::make(int ranks, std::size_t window_bytes) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (window_bytes == 0 || window_bytes > kLargest / ranks) {
    return Status(Code::kInvalidArgument, "a window of " + size_text(window_bytes) +
                                              " for each of " + std::to_string(ranks) +
                                              " ranks; expected 1 byte to " + size_text(kLargest) +
                                              " in all");
  }
  return Layout(ranks, window_bytes, (window_bytes + page - 1) / page * page);
}

std::string Layout::to_string() const {
  return size_text(total()) + " (" + std::to_string(ranks_) + " ranks x " +
         size_text(window_bytes_) + ")";
}

Result<Descriptor> create_memory(const Layout& layout) {
  const std::string what = "cannot create " + layout.to_string() + " of shared memory";
  // Beyond this limit ftruncate would not fail but end the process, by SIGXFSZ.
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < layout.total()) {
    return system_error(what + limit_text(RLIMIT_FSIZE, "-f"), EFBIG);
  }
  Descriptor file(open_memory());
  if (!file.valid()) return system_error(what, errno);
  if (ftruncate(file.number(), static_cast<off_t>(layout.total())) != 0) {
    return system_error(what, errno);
  }
  // A file cut short would end every rank that touches it, by SIGBUS.
  if (fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error("cannot seal shared memory", errno);
  }
  return file;
}

Result<std::unique_ptr<Mapping>> Mapping::map(const Descriptor& file, const Layout& layout) {
  struct stat status = {};
  if (fstat(file.number(), &status) != 0) return system_error("cannot stat shared memory", errno);
  if (static_cast<std::size_t>(status.st_size) != layout.total()) {
    return Status(Code::kMismatch, "shared memory has " + std::to_string(status.st_size) +
                                       " bytes, expected " + std::to_string(layout.total()));
  }
  void* const data = mmap(nullptr, layout.total(), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_NORESERVE, file.number(), 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    return system_error(
        "cannot map " + layout.to_string() + " of shared memory" + limit_text(RLIMIT_AS, "-v"),
        error);
  }
  // A core dump need not hold all ranks' buffers. Advice: an old kernel may refuse it.
  madvise(data, layout.total(), MADV_DONTDUMP);
  return std::unique_ptr<Mapping>(new Mapping(static_cast<std::byte*>(data), layout));
}

Mapping::~Mapping() { munmap(data_, layout_.total()); }

}  // namespace tutti::shm
