#include "train/device/cuda_accelerator.h"

#include <cmath>

#include "train/device/cuda/aside.h"
#include "train/device/cuda/probe.h"
#include "train/device/cuda/products.h"
#include "train/device/cuda/uploads.h"
#include "train/device/free_lists.h"
#include "train/device/launch.h"

namespace tutti::train {

void expect_launched(int error, const char* kernel, std::size_t shared_bytes) {
  if (error == cudaSuccess) return;
  must(static_cast<cudaError_t>(error), std::string(kernel) + " with " +
                                            std::to_string(shared_bytes) +
                                            " bytes of shared memory a block");
}

namespace {

constexpr int kLeastCapability = 8;  // products of bf16

std::string gibibytes(std::size_t bytes) {
  const auto tenths = std::lround(10 * static_cast<double>(bytes) / (1 << 30));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// Plain memory of cudaMalloc: the library shares it between processes. nullptr: there is not so
// much.
void* allocate_plain(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is told once more otherwise
    return nullptr;
  }
  must(error, "memory of the GPU");
  return memory;
}

// Makes a stream of the GPU, which becomes the thread's current one.
cudaStream_t make_stream(int ordinal) {
  must(cudaSetDevice(ordinal), "GPU " + std::to_string(ordinal));
  cudaStream_t stream = nullptr;
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  return stream;
}

class CudaAccelerator final : public Accelerator {
 public:
  CudaAccelerator(int ordinal, std::string name)
      : ordinal_(ordinal), name_(std::move(name)), stream_(make_stream(ordinal)) {
    workspace_ = allocate(Products::kWorkspace);
  }
  ~CudaAccelerator() override {
    cudaSetDevice(ordinal_);
    cudaStreamSynchronize(stream_.get());
    release_room();
  }

  std::string name() const override { return name_; }
  bool is_host() const override { return false; }

  void* allocate(std::size_t bytes) override;
  void release(void* memory) override { memory_.release(memory); }
  std::size_t most_bytes() const override { return memory_.most_in_use(); }

  void copy(void* to, const void* from, std::size_t bytes) override {
    must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, here()), "copy on the GPU");
  }
  void clear(void* to, std::size_t bytes) override {
    must(cudaMemsetAsync(to, 0, bytes, here()), "zeros on the GPU");
  }
  void write(void* to, const void* from, std::size_t bytes) override {
    uploads_.write(to, from, bytes, here());
  }
  void read(void* to, const void* from, std::size_t bytes) override {
    must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, here()), "copy from the GPU");
    synchronize();
  }
  void synchronize() override { must(cudaStreamSynchronize(here()), "work on the GPU"); }

  void multiply(const DeviceProduct& product) override;

  void* stream() override { return here(); }
  std::unique_ptr<Aside> make_aside(bool in_line) override {
    return std::make_unique<CudaAside>(events_, here(), in_line);
  }

 private:
  struct Destroy {
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
  };

  // The current GPU is the thread's: whichever thread it is.
  cudaStream_t here() {
    must(cudaSetDevice(ordinal_), name_);
    return stream_.get();
  }

  const int ordinal_;
  const std::string name_;
  const std::unique_ptr<std::remove_pointer_t<cudaStream_t>, Destroy> stream_;
  FreeLists memory_{{allocate_plain, [](void* memory) { cudaFree(memory); }}};
  Events events_{stream_.get()};
  Uploads uploads_{events_};
  Products products_;
  void* workspace_ = nullptr;
};

void* CudaAccelerator::allocate(std::size_t bytes) {
  here();
  if (void* memory = memory_.allocate(bytes)) return memory;
  std::size_t left = 0, all = 0;
  must(cudaMemGetInfo(&left, &all), "memory of the GPU");
  throw Failure(name_ + ": " + gibibytes(bytes) +
                " more of memory were asked for; this rank uses " +
                gibibytes(memory_.bytes_in_use()) + ", " + gibibytes(left) + " of " +
                gibibytes(all) + " are left");
}

void CudaAccelerator::multiply(const DeviceProduct& p) {
  if (p.m == 0 || p.n == 0 || p.count == 0) return;
  products_.multiply(column_major(p), p.factor, p.keep, workspace_, here());
}

void check_capability(int ordinal, const cudaDeviceProp& properties) {
  if (properties.major >= kLeastCapability) return;
  throw Failure("GPU " + std::to_string(ordinal) + ", " + properties.name +
                ": has compute capability " + std::to_string(properties.major) + "." +
                std::to_string(properties.minor) + ", expected 8.0 or higher");
}

}  // namespace

int count_gpus() {
  int driver = 0;
  must(cudaDriverGetVersion(&driver), "CUDA's driver");
  if (driver == 0) throw Failure("no GPU can be used: there is no driver of CUDA (libcuda.so.1)");
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice) return 0;
  must(error, "no GPU can be used");
  return count;
}

std::unique_ptr<Accelerator> open_gpu(int ordinal) {
  const int count = count_gpus();
  if (ordinal < 0 || ordinal >= count) {
    throw Failure("GPU " + std::to_string(ordinal) + ": there are " + std::to_string(count) +
                  (count > 0 ? ", expected 0 to " + std::to_string(count - 1) : ""));
  }
  cudaDeviceProp properties;
  must(cudaGetDeviceProperties(&properties, ordinal), "GPU " + std::to_string(ordinal));
  check_capability(ordinal, properties);
  must(cudaSetDevice(ordinal), "GPU " + std::to_string(ordinal));
  must(look_for_kernels(), std::string("kernels of this build on ") + properties.name);
  return std::make_unique<CudaAccelerator>(ordinal, properties.name);
}

}  // namespace tutti::train
