// What is behind a GpuBench. Tested by cuda_driver_test.cc.

#pragma once

#include <memory>
#include <vector>

#include "device/cuda_device.h"
#include "tutti/cuda.h"

namespace tutti {

/// Of any driver, for tests.
Result<GpuBench> open_gpu_bench(const Driver& driver, int ordinal);

struct GpuBench::State {
  explicit State(const Driver& its_driver) : driver(its_driver) {}
  ~State();
  State(const State&) = delete;

  Status prepare(int ordinal);
  Status copy_by_way(std::byte* target, const std::byte* source, std::size_t bytes);
  Status outcome_of(const char* call, driver::Outcome outcome) const {
    return context->outcome_of(call, outcome);
  }
  driver::Stream driver_stream() const { return static_cast<driver::Stream>(stream); }
  void end_graph();

  const Driver driver;
  std::unique_ptr<CudaContext> context;
  std::unique_ptr<CudaDevice> device;
  Stream stream = nullptr;
  std::vector<std::byte> way;  // pinned: copies pass through it
  std::byte* way_on_device = nullptr;
  driver::Event started = nullptr;
  driver::Event stopped = nullptr;
  driver::ReadyGraph graph = nullptr;
};

}  // namespace tutti
