// What CUDA's driver says of GPUs, through the library that comes with it, opened at run time: what
// the topology does not tell, whether the driver works at all, and whether GPUs reach each other.

#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tutti::cli::doctor {

struct CudaFacts {
  bool has_library = false;  // libcuda.so.1
  int error = 0;             // CUresult of the first call that failed
  std::string failure = {};  // its name and text; "" where all is well
  int devices = 0;
  bool has_dma_buf = false;  // memory can be handed to RDMA devices without nvidia_peermem
  std::vector<std::pair<int, int>> apart = {};  // pairs of devices without peer access
};

/// Starts the driver in this process, but uses no device. Takes up to a second where there are
/// GPUs.
CudaFacts ask_cuda();

}  // namespace tutti::cli::doctor
