// Functions and numbers as in cuda.h of CUDA 10 and later. Tested on machines without CUDA by
// cli_command_test.py; what is made of the facts by cli_doctor_gpu_test.cc.

#include "cli/doctor_cuda.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <memory>

namespace tutti::cli::doctor {
namespace {

constexpr int kDmaBufSupported = 124;  // CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED

struct Close {
  void operator()(void* library) const { dlclose(library); }
};
using Library = std::unique_ptr<void, Close>;

// One conversation with the driver: after a call has failed no further one is made.
class Driver {
 public:
  explicit Driver(Library library) : library_(std::move(library)) {}

  template <class... Arguments>
  void call(const char* name, Arguments... arguments) {
    if (error_ != 0) return;
    auto* const function = find<int(Arguments...)>(name);
    error_ = function == nullptr ? kMissing : function(arguments...);
    if (error_ != 0) failure_ = fmt::format("{}: {}", name, describe());
  }

  int error() const { return error_; }
  const std::string& failure() const { return failure_; }

 private:
  static constexpr int kMissing = -1;

  template <class Function>
  Function* find(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(library_.get(), name));
  }

  std::string describe() const {
    if (error_ == kMissing) return "not in libcuda.so.1";
    const char* text = nullptr;
    auto* const function = find<int(int, const char**)>("cuGetErrorString");
    if (function != nullptr) function(error_, &text);
    return fmt::format("error {}, {}", error_, text == nullptr ? "unknown" : text);
  }

  const Library library_;
  int error_ = 0;
  std::string failure_;
};

void ask_peers(Driver& driver, CudaFacts& facts) {
  for (int from = 0; from < facts.devices; ++from) {
    for (int to = 0; to < facts.devices; ++to) {
      int can = 1;
      if (from != to) driver.call("cuDeviceCanAccessPeer", &can, from, to);
      if (can == 0) facts.apart.emplace_back(from, to);
    }
  }
}

}  // namespace

CudaFacts ask_cuda() {
  // Never closed again: the driver starts threads of its own.
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return {};
  CudaFacts facts;
  facts.has_library = true;
  Driver driver{Library(library)};
  driver.call("cuInit", 0U);
  driver.call("cuDeviceGetCount", &facts.devices);
  int has_dma_buf = 0;
  if (facts.devices > 0) driver.call("cuDeviceGetAttribute", &has_dma_buf, kDmaBufSupported, 0);
  facts.has_dma_buf = has_dma_buf != 0;
  ask_peers(driver, facts);
  facts.error = driver.error();
  facts.failure = driver.failure();
  return facts;
}

}  // namespace tutti::cli::doctor
