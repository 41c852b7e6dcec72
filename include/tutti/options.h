// Settings of a communicator. Every rank of a communicator must use the same ones, except where
// said. The environment is read only by Options::from_environment().

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "tutti/status.h"

namespace tutti {

struct Options {
  /// How long ranks may take to meet. TUTTI_START_TIMEOUT, in seconds.
  std::chrono::milliseconds start_timeout{30'000};

  /// How long a call may take before it fails, naming who is missing. TUTTI_TIMEOUT, in seconds.
  std::chrono::milliseconds call_timeout{300'000};

  /// Same bits whatever the algorithm, the mapping of ranks to hosts or the transport: reductions
  /// are made in one pass in rank order. TUTTI_REPRODUCIBLE, 0 or 1.
  bool reproducible = false;

  /// Forces algorithms: "ring" for every collective that has one of that name, or a list such as
  /// "all_reduce:ring,broadcast:binomial". Empty: chosen per call. TUTTI_ALGORITHM.
  std::string algorithm;

  /// A file of rules that say which calls go which way (docs/choice.md). The same on all ranks.
  /// TUTTI_RULES.
  std::string rules;

  /// The calibration of the machine, on which choices rest: a file made by `tutti tune`, "none" for
  /// a first guess, "" for the one that is kept for this machine (calibration_path()), if there is
  /// one. Rank 0's counts for all. TUTTI_CALIBRATION.
  std::string calibration;

  /// Bytes of a tile, the piece that executors pipeline; 0: chosen per call. TUTTI_TILE.
  std::size_t tile_bytes = 0;

  /// Blocks of a call in flight at once, 1 to 16; 0: chosen per call. TUTTI_LANES.
  int lanes = 0;

  /// Scratch memory per rank, touched as needed. TUTTI_SCRATCH, in bytes (suffixes K, M, G).
  std::size_t scratch_bytes = std::size_t{8} << 20;

  /// Address space per rank for allocate() and register_memory(); memory is used only as it is
  /// touched. 0: as much as the machine has memory. TUTTI_HEAP, in bytes (suffixes K, M, G).
  std::size_t heap_bytes = 0;

  /// Highest instruction set to use: "", "portable", "avx2", "avx512". May differ between ranks:
  /// the results do not. TUTTI_ISA.
  std::string isa;

  /// Address or interface for starts, heartbeats and, unless net_devices is given, traffic between
  /// hosts; "" for all. May differ between ranks. TUTTI_INTERFACE.
  std::string interface;

  /// Network devices for traffic between hosts, as UCX names them: "eth0", "eth0,eth1", "mlx5_0:1".
  /// Large messages use all of them at once. "": RDMA devices, else the fastest interfaces. May
  /// differ between ranks. TUTTI_NET_DEVICES.
  std::string net_devices;

  /// How long a rank of a communicator on several hosts may be silent before it counts as lost.
  /// TUTTI_PEER_TIMEOUT, in seconds.
  std::chrono::milliseconds peer_timeout{2'000};

  /// Sets hosts apart: ranks with different names never share memory, even on one machine. "": a
  /// host is a machine as its ranks see it. May differ between ranks. TUTTI_HOST.
  std::string host;

  /// The CUDA device whose memory enqueue() takes, as CUDA numbers devices for this process; -1:
  /// none. May differ between ranks, and several may use one, but all or none have one.
  /// TUTTI_DEVICE.
  int device = -1;

  /// Sums of floats on memory of devices go through NVSwitch where all ranks' GPUs can (NVLS),
  /// which adds in an order of its own; not with `reproducible`. TUTTI_NVLS, 0 or 1.
  bool nvls = true;

  /// Calls on memory of devices that only move go between hosts without passing through memory of
  /// the host: RDMA devices read and write that of GPUs. None: where UCX can, and no processor
  /// would copy after all. False: never. True: wherever UCX can; a start fails where it cannot. The
  /// same on all ranks. TUTTI_GPUDIRECT, 0 or 1.
  std::optional<bool> gpudirect;

  /// Blocks of a kernel that makes a call on memory of devices, at most: each takes a
  /// multiprocessor from what computes. 1 to 64. May differ between ranks: the least counts.
  /// TUTTI_DEVICE_BLOCKS.
  int device_blocks = 16;

  /// Threads of such a block: a multiple of 32, 32 to 512. May differ between ranks, likewise.
  /// TUTTI_DEVICE_THREADS.
  int device_threads = 512;

  /// An all_gather or all_to_all on memory of devices whose input has so many bytes on a rank, or
  /// more, is made by copy engines, through scratch, and leaves multiprocessors to what computes;
  /// 0: any. None: 4 MiB between processes that are two, or whose GPUs sum in NVSwitch; elsewhere
  /// kernels make all, as they do where ranks share a GPU. May differ between ranks: the greatest
  /// counts. TUTTI_DEVICE_COPIES.
  std::optional<std::size_t> device_copies;

  /// What to say on standard error: 0 nothing, 1 calls that fail, 2 also starts and, once per shape
  /// of call, what runs it. May differ between ranks. TUTTI_LOG.
  int log_level = 0;

  /// The version that ncclGetVersion() answers, as NCCL writes it: 22809 is 2.28.9. Of the NCCL
  /// door only (tutti/nccl.h). TUTTI_NCCL_VERSION.
  int nccl_version = 22809;

  /// The settings in the environment, or kInvalidArgument naming the variable, its value and what
  /// was expected. Unknown variables that begin with TUTTI_ are errors too.
  TUTTI_API static Result<Options> from_environment();

  bool operator==(const Options&) const = default;
};

}  // namespace tutti
