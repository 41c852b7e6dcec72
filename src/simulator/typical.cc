#include "simulator/typical.h"

namespace tutti {
namespace {

constexpr double kNano = 1e-9, kMicro = 1e-6;

// Bytes per second that a GPU's memory reads and writes in a plain copy: nine tenths of what the
// data sheets of B200, H100, A100 and V100 name.
double memory_bandwidth(int sm) {
  if (sm >= 100) return 7.2e12;
  if (sm >= 90) return 3.0e12;
  if (sm >= 80) return 1.8e12;
  return 0.8e12;
}

}  // namespace

RankCosts typical_gpu(int sm) {
  const Curve memory = Curve::flat(1 / memory_bandwidth(sm));
  RankCosts costs;
  costs.call = 4.5 * kMicro;        // a kernel's start: NCCL's base latency of symmetric kernels
  costs.instruction = 100 * kNano;  // an interpreted step, a barrier of the thread block included
  costs.read_user = memory;
  costs.write_user = memory;
  costs.stream_user = memory.memory;
  costs.read_scratch = memory;
  costs.write_scratch = memory;
  costs.write_peer = memory;
  costs.read_peer = memory;
  return costs;
}

// A guess at processors of the years after 2018, not measured on any.
RankCosts typical_processor() {
  return {.call = 40 * kNano,
          .block = 60 * kNano,
          .instruction = 15 * kNano,
          .give = 10 * kNano,
          .take = 10 * kNano,
          .line = 4 * kNano,
          .turn = 700 * kNano,
          .read_user = {0.02 * kNano, 0.03 * kNano, 0.08 * kNano},
          .write_user = {0.02 * kNano, 0.04 * kNano, 0.12 * kNano},
          .stream_user = 0.08 * kNano,
          .read_scratch = {0.06 * kNano, 0.08 * kNano, 0.1 * kNano},
          .write_scratch = {0.02 * kNano, 0.03 * kNano, 0.06 * kNano},
          .write_peer = {0.05 * kNano, 0.07 * kNano, 0.1 * kNano},
          .read_peer = {0.06 * kNano, 0.08 * kNano, 0.1 * kNano},
          .reduce = 0.005 * kNano};
}

// Latencies are those of a hop in NCCL's cost model (tuning.cc), of its protocol without fences.
WayCosts typical_gpu_way(PathType type) {
  const bool nvlink = type <= PathType::kNvHop;
  return {.latency = (nvlink ? 0.6 : 1.0) * kMicro, .message = 100 * kNano, .receive = 100 * kNano};
}

WayCosts typical_processor_way() { return {.latency = 100 * kNano}; }

WayCosts typical_network(bool rdma) {
  // NCCL's cost model: a hop, and what posting a message takes (NCCL_NET_OVERHEAD).
  if (rdma) return {.latency = 2.7 * kMicro, .message = 1 * kMicro, .overhead = 64};
  // TCP between network namespaces of one machine: 8 bytes take 12 us (perf/results). Headers are
  // 66 bytes a packet of 1500.
  return {.latency = 8 * kMicro,
          .message = 2 * kMicro,
          .send_byte = 0.2 * kNano,
          .receive = 2 * kMicro,
          .receive_byte = 0.2 * kNano,
          .overhead = 100,
          .expansion = 1.04};
}

}  // namespace tutti
