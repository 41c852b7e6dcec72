// A GPU, as this library uses one: memory that peers can reach, streams that keep an order,
// kernels.
//
// Two implementations: CudaDevice speaks to NVIDIA's driver, which is looked for at run time, and
// ThreadDevice is made of threads of this process, so that whatever uses a device is tested where
// there is none. What is issued on a stream happens in the order issued, and after the call that
// issues it may have returned; streams do not wait for each other. Only synchronize() waits, and
// only allocate(), release(), pin(), unpin(), import_memory(), close_import() and what is done for
// multicast may take long: they are never called while peers' kernels wait for this rank.
//
// Any number of threads at once. Both pass tests/device_test.cc.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/memory_kind.h"
#include "files/handover.h"
#include "tutti/status.h"

namespace tutti {

/// A stream of the caller's: a cudaStream_t or CUstream, the same thing. nullptr is the default
/// one.
using Stream = void*;

struct DeviceFacts {
  int ordinal = 0;                         // as CUDA numbers devices for this process
  std::string name;                        // "NVIDIA H200"
  std::array<std::uint8_t, 16> uuid = {};  // the same device has the same one in every process
  int multiprocessors = 1;
  int compute_capability = 0;         // 90
  bool shares_kernels = false;        // kernels of several processes run at once: MPS
  bool waits_on_memory = false;       // wait_until() works
  bool has_kernels = false;           // some were loaded when it was opened
  bool takes_network_writes = false;  // of RDMA devices; flush_network_writes() works
  MemoryKind memory = MemoryKind::kHost;
  bool has_multicast = false;  // NVLS: make_multicast() works, and there is a kernel for it

  bool operator==(const DeviceFacts&) const = default;
};

/// An allocation, as the process that made it knows it.
struct Allocation {
  std::byte* base = nullptr;
  std::size_t bytes = 0;       // at least what was asked for
  std::uint64_t identity = 0;  // never that of an earlier allocation at the same address
  bool by_address = false;     // other devices of the process that reach this one reach it so

  bool operator==(const Allocation&) const = default;
};

/// An allocation, as told to another process. Plain bytes, to be sent as they are.
struct SharedMemory {
  enum class Kind : std::uint32_t {
    kNone,
    kHandle,  // of CUDA's legacy IPC: `handle` is all of it
    kFile,    // of virtual memory management: what `process` gives whom it invites
  };
  Kind kind = Kind::kNone;
  std::int32_t process = 0;
  std::uint64_t file = 0;  // the number to ask for
  Handover::Invitation invitation = {};
  std::array<std::byte, 64> handle = {};
  std::uint64_t bytes = 0;
  std::uint64_t identity = 0;

  bool operator==(const SharedMemory&) const = default;
};

struct Launch {
  const char* kernel = nullptr;  // one of the names that the device was opened with
  int blocks = 1;
  int threads = 1;                            // of a block
  std::span<const std::byte> arguments = {};  // the kernel's only parameter, a structure; copied
};

/// Memory of several devices, of each the same, and all of it at once.
struct MulticastMemory {
  std::byte* own = nullptr;  // this device's
  std::byte* all = nullptr;  // for multimem instructions only (executor/cuda/multimem.h)
  std::size_t bytes = 0;
};

/// A device's part in such memory, as long as this lives. Whatever uses it on any device must have
/// ended before.
class DeviceMulticast {
 public:
  virtual ~DeviceMulticast() = default;
  /// Brings in this device's memory. REQUIRES: all devices have joined; called once.
  virtual Status bind() = 0;
  /// Usable once all devices have bound theirs.
  virtual MulticastMemory memory() const = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceFacts& facts() const = 0;

  /// Zeroed memory of the device, that peers can be told of, and that the other devices of this
  /// process may reach. Aligned to 256 bytes.
  virtual Result<std::byte*> allocate(std::size_t bytes) = 0;
  /// REQUIRES: from allocate(), nothing on any stream uses it any more, and who imported it closed
  /// that.
  virtual void release(std::byte* memory) = 0;

  /// What the address belongs to; kInvalidArgument, saying what it is instead ("memory of the
  /// host", "memory of device 1"), when it is not this device's.
  virtual Result<Allocation> allocation_of(const void* address) = 0;

  /// Makes the allocation known to other processes; kNotSupported for kinds of memory that cannot
  /// be. What it answers stays good until withdraw(), or release() of the memory; memory of others,
  /// that was not withdrawn when it ended, is given back by the system only once it is.
  virtual Result<SharedMemory> share(const Allocation& allocation) = 0;
  virtual void withdraw(const SharedMemory& shared) = 0;
  /// The base of another process's allocation, in this process's address space: the same whenever
  /// it is asked for, until it was closed as often. kNotSupported when the device has no way to
  /// reach it. A process that does not give its file is waited for, for some seconds. The exporting
  /// process cannot import what it shared by a handle.
  virtual Result<std::byte*> import_memory(const SharedMemory& shared) = 0;
  virtual void close_import(std::byte* memory) = 0;
  /// Lets this device reach memory of another device of this process; OK where it is the same.
  virtual Status reach(const DeviceFacts& other) = 0;

  /// What so many devices, this one among them, join to have memory of at least so many bytes each
  /// that is read and written together. One makes it, and withdraws it when all have joined.
  /// REQUIRES: facts().has_multicast, here and below.
  virtual Result<SharedMemory> make_multicast(std::size_t bytes, int devices) = 0;
  /// No device twice. The device must outlive what it answers.
  virtual Result<std::unique_ptr<DeviceMulticast>> join_multicast(const SharedMemory& shared) = 0;

  /// Lets kernels and copies of all devices of this process reach memory of the host, at the
  /// address answered.
  virtual Result<std::byte*> pin(std::span<std::byte> memory) = 0;
  virtual void unpin(std::byte* host_memory) = 0;

  /// kInvalidArgument when the stream belongs to another device; `capturing` tells whether the
  /// stream's work is being recorded in a graph instead of done.
  struct StreamState {
    bool capturing = false;
  };
  virtual Result<StreamState> look_at(Stream stream) = 0;

  /// Copies between any two places that this device reaches; memory of the host is one once it is
  /// pinned.
  virtual Status copy(Stream stream, void* target, const void* source, std::size_t bytes) = 0;
  /// What network devices have written into memory of this device, and told the host of, is there
  /// for all that is issued from now on. REQUIRES: facts().takes_network_writes.
  virtual Status flush_network_writes() = 0;
  /// *flag = value, seen by others after everything that the stream did before.
  virtual Status set(Stream stream, std::uint32_t* flag, std::uint32_t value) = 0;
  /// The stream goes on once *flag has reached `value`: *flag - value, as a signed number, is not
  /// negative. REQUIRES: facts().waits_on_memory.
  virtual Status wait_until(Stream stream, const std::uint32_t* flag, std::uint32_t value) = 0;
  virtual Status launch(Stream stream, const Launch& launch) = 0;

  /// A stream of this library's own, which does not wait for the default one.
  virtual Result<Stream> make_stream() = 0;
  /// REQUIRES: made here, and done with all that was issued.
  virtual void end_stream(Stream stream) = 0;
  /// Blocks until the stream has done all that was issued; kTimeout, or what went wrong on the
  /// device. kInvalidArgument for a stream that is being captured.
  virtual Status synchronize(Stream stream, std::chrono::milliseconds timeout) = 0;
};

}  // namespace tutti
