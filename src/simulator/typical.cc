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

// What `tutti tune` found on two virtual cores of an AMD EPYC (Zen 5), 2026-11-26; of scratch
// memory larger than caches, which it does not reach, a guess.
RankCosts typical_processor() {
  return {.call = 9.4 * kNano,
          .block = 9.8 * kNano,
          .instruction = 35 * kNano,
          .give = 4.2 * kNano,
          .take = 7.9 * kNano,
          .line = 6.6 * kNano,
          .turn = 1100 * kNano,
          .read_user = {0.0024 * kNano, 0.012 * kNano, 0.016 * kNano},
          .write_user = {0.0032 * kNano, 0.015 * kNano, 0.12 * kNano},
          .stream_user = 0.081 * kNano,
          .read_scratch = {0.025 * kNano, 0.028 * kNano, 0.1 * kNano},
          .write_scratch = {0.026 * kNano, 0.02 * kNano, 0.06 * kNano},
          .write_peer = {0.044 * kNano, 0.032 * kNano, 0.1 * kNano},
          .read_peer = {0.039 * kNano, 0.03 * kNano, 0.016 * kNano},
          .reduce = 0.033 * kNano};
}

// Latencies are those of a hop in NCCL's cost model (tuning.cc), of its protocol without fences.
WayCosts typical_gpu_way(PathType type) {
  const bool nvlink = type <= PathType::kNvHop;
  return {.latency = (nvlink ? 0.6 : 1.0) * kMicro, .message = 100 * kNano, .receive = 100 * kNano};
}

WayCosts typical_processor_way() { return {.latency = 320 * kNano}; }

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
