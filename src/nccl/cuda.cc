#include "nccl/cuda.h"

#include <dlfcn.h>

#include <cstdint>
#include <string>

namespace tutti::nccl {
namespace {

// The driver's stable interface, as far as it is used here; results are 0 for success.
using CUresult = int;
using CUdevice = int;
using CUcontext = void*;
using CUdeviceptr = std::uint64_t;

struct Driver {
  CUresult (*init)(unsigned) = nullptr;
  CUresult (*device_count)(int*) = nullptr;
  CUresult (*current_device)(CUdevice*) = nullptr;
  CUresult (*retain_primary)(CUcontext*, CUdevice) = nullptr;
  CUresult (*release_primary)(CUdevice) = nullptr;
  CUresult (*push)(CUcontext) = nullptr;
  CUresult (*pop)(CUcontext*) = nullptr;
  CUresult (*allocate)(CUdeviceptr*, std::size_t) = nullptr;
  CUresult (*release)(CUdeviceptr) = nullptr;
  int devices = 0;
};

template <class Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

// With `devices` 0 where anything is missing. The driver is never unloaded.
Driver open_driver() {
  Driver d;
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return d;
  const bool complete =
      find(library, "cuInit", d.init) && find(library, "cuDeviceGetCount", d.device_count) &&
      find(library, "cuCtxGetDevice", d.current_device) &&
      find(library, "cuDevicePrimaryCtxRetain", d.retain_primary) &&
      find(library, "cuDevicePrimaryCtxRelease_v2", d.release_primary) &&
      find(library, "cuCtxPushCurrent_v2", d.push) && find(library, "cuCtxPopCurrent_v2", d.pop) &&
      find(library, "cuMemAlloc_v2", d.allocate) && find(library, "cuMemFree_v2", d.release);
  if (!complete || d.init(0) != 0 || d.device_count(&d.devices) != 0) d.devices = 0;
  return d;
}

const Driver& driver() {
  static const Driver opened = open_driver();
  return opened;
}

Status refused(const char* what, CUresult result) {
  return {Code::kSystem, std::string(what) + " answered CUDA error " + std::to_string(result)};
}

// Makes the device's primary context, which CUDA's runtime uses, current for as long as it lives.
class Current {
 public:
  explicit Current(int device) : device_(device) {
    CUcontext context = nullptr;
    result_ = driver().retain_primary(&context, device);
    if (result_ != 0) return;
    result_ = driver().push(context);
    if (result_ != 0) (void)driver().release_primary(device_);
  }
  ~Current() {
    if (result_ != 0) return;
    CUcontext context = nullptr;
    (void)driver().pop(&context);
    (void)driver().release_primary(device_);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  CUresult result() const { return result_; }

 private:
  const int device_;
  CUresult result_ = 0;
};

}  // namespace

int device_count() { return driver().devices; }

int current_device() {
  if (driver().devices == 0) return -1;
  CUdevice device = 0;
  return driver().current_device(&device) == 0 ? device : 0;
}

Result<void*> allocate_on_device(std::size_t bytes) {
  const Current current(current_device());
  if (current.result() != 0) return refused("cuDevicePrimaryCtxRetain", current.result());
  CUdeviceptr memory = 0;
  const CUresult result = driver().allocate(&memory, bytes);
  if (result != 0) return refused("cuMemAlloc", result);
  return reinterpret_cast<void*>(memory);
}

Status release_on_device(void* memory, int device) {
  const Current current(device);
  if (current.result() != 0) return refused("cuDevicePrimaryCtxRetain", current.result());
  const CUresult result = driver().release(reinterpret_cast<CUdeviceptr>(memory));
  return result == 0 ? Status() : refused("cuMemFree", result);
}

}  // namespace tutti::nccl
