// The functions of NVIDIA's driver (libcuda.so.1) that devices use, as plain function pointers, and
// their C interface: the build needs no header of NVIDIA's, and a test makes up its own driver.
//
// Source of names, numbers and layouts: cuda.h of CUDA 13.0 and its documentation. The names are
// those that programs are linked with (cuMemAlloc_v2, where sources say cuMemAlloc): the driver
// keeps each of them as it is, for good.
//
// Tested by cuda_driver_test.cc.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tutti/status.h"

namespace tutti {

namespace driver {

using Outcome = int;  // CUresult
inline constexpr Outcome kSuccess = 0;
inline constexpr Outcome kInvalidValue = 1;
inline constexpr Outcome kNotInitialized = 3;
inline constexpr Outcome kNoDevice = 100;
inline constexpr Outcome kInvalidDevice = 101;
inline constexpr Outcome kInvalidImage = 200;
inline constexpr Outcome kInvalidContext = 201;
inline constexpr Outcome kNoBinaryForGpu = 209;
inline constexpr Outcome kEccUncorrectable = 214;
inline constexpr Outcome kPeerAccessUnsupported = 217;
inline constexpr Outcome kNvlinkUncorrectable = 220;
inline constexpr Outcome kJitCompilerNotFound = 221;
inline constexpr Outcome kUnsupportedPtxVersion = 222;
inline constexpr Outcome kJitCompilationDisabled = 223;
inline constexpr Outcome kContained = 226;
inline constexpr Outcome kInvalidHandle = 400;
inline constexpr Outcome kNotFound = 500;
inline constexpr Outcome kNotReady = 600;
inline constexpr Outcome kIllegalAddress = 700;
inline constexpr Outcome kLaunchTimeout = 702;
inline constexpr Outcome kPeerAccessAlreadyEnabled = 704;
inline constexpr Outcome kContextIsDestroyed = 709;
inline constexpr Outcome kAssert = 710;
inline constexpr Outcome kHostMemoryAlreadyRegistered = 712;
inline constexpr Outcome kHardwareStackError = 714;
inline constexpr Outcome kLaunchFailed = 719;
inline constexpr Outcome kNotPermitted = 800;
inline constexpr Outcome kNotSupported = 801;
inline constexpr Outcome kMpsClientTerminated = 810;
inline constexpr Outcome kCaptureUnsupported = 900;
inline constexpr Outcome kCaptureImplicit = 906;

using Ordinal = int;            // CUdevice
using Address = std::uint64_t;  // CUdeviceptr
using Memory = std::uint64_t;   // CUmemGenericAllocationHandle
struct ContextOfDriver;         // opaque, as those below
struct StreamOfDriver;
struct ModuleOfDriver;
struct FunctionOfDriver;
struct EventOfDriver;
struct GraphOfDriver;
struct ReadyGraphOfDriver;
using Context = ContextOfDriver*;
using Stream = StreamOfDriver*;
using Module = ModuleOfDriver*;
using Function = FunctionOfDriver*;
using Event = EventOfDriver*;
using Graph = GraphOfDriver*;
using ReadyGraph = ReadyGraphOfDriver*;  // CUgraphExec

struct Uuid {  // CUuuid
  unsigned char bytes[16];
};
static_assert(sizeof(Uuid) == 16);

/// CUdevice_attribute
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kVirtualMemorySupported = 102;
inline constexpr int kPosixFileSupported = 103;
inline constexpr int kGpuDirectRdmaWithVirtualMemorySupported = 110;
inline constexpr int kGpuDirectRdmaSupported = 116;
inline constexpr int kGpuDirectRdmaFlushOptions = 117;
inline constexpr int kGpuDirectRdmaWritesOrdering = 118;
inline constexpr int kMulticastSupported = 132;
inline constexpr int kMpsEnabled = 133;

/// CUpointer_attribute
inline constexpr int kMemoryType = 2;
inline constexpr int kBufferId = 7;
inline constexpr int kIsManaged = 8;
inline constexpr int kDeviceOrdinal = 9;
inline constexpr int kIsLegacyIpcCapable = 10;
inline constexpr int kRangeStart = 11;
inline constexpr int kRangeSize = 12;
inline constexpr int kAllowedHandleTypes = 14;
inline constexpr int kMemoryPool = 17;
inline constexpr int kMappingSize = 18;
inline constexpr int kMappingStart = 19;
inline constexpr int kMemoryBlockId = 20;

/// CUmemorytype
inline constexpr unsigned kTypeHost = 1;
inline constexpr unsigned kTypeDevice = 2;

/// CUmemLocation
struct Location {
  int type = 0;
  int id = 0;
};
static_assert(sizeof(Location) == 8);
inline constexpr int kLocationDevice = 1;

/// CUmemAllocationProp
struct MemoryProperties {
  int type = 0;
  unsigned handle_types = 0;
  Location location;
  void* windows_only = nullptr;
  unsigned char compression = 0;
  unsigned char gpu_direct_rdma_capable = 0;
  unsigned short usage = 0;
  unsigned char reserved[4] = {};
};
static_assert(sizeof(MemoryProperties) == 32 && offsetof(MemoryProperties, location) == 8 &&
              offsetof(MemoryProperties, gpu_direct_rdma_capable) == 25);
inline constexpr int kPinnedMemory = 1;
inline constexpr unsigned kPosixFile = 1;
inline constexpr int kGranularityRecommended = 1;

/// CUmemAccessDesc
struct Access {
  Location location;
  int flags = 0;
};
static_assert(sizeof(Access) == 12);
inline constexpr int kReadAndWrite = 3;

/// CUmulticastObjectProp
struct MulticastProperties {
  unsigned devices = 0;
  std::size_t bytes = 0;
  unsigned long long handle_types = 0;
  unsigned long long flags = 0;
};
static_assert(sizeof(MulticastProperties) == 32 && offsetof(MulticastProperties, bytes) == 8);
inline constexpr int kMulticastGranularityMinimum = 0;

/// CUipcMemHandle, which is passed by value
struct IpcHandle {
  char bytes[64];
};
static_assert(sizeof(IpcHandle) == 64);
inline constexpr unsigned kLazyPeerAccess = 1;

inline constexpr int kFlushByHost = 1;          // CUflushGPUDirectRDMAWritesOptions
inline constexpr int kFlushCurrentContext = 0;  // CUflushGPUDirectRDMAWritesTarget
inline constexpr int kOrderedForOwner = 100;    // CUGPUDirectRDMAWritesOrdering, …WritesScope

inline constexpr unsigned kHostPortable = 1;
inline constexpr unsigned kHostDeviceMap = 2;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kWaitGreaterOrEqual = 0;  // (int32_t)(*address - value) >= 0
inline constexpr unsigned kWriteAfterFence = 0;     // as __threadfence_system(), before the write
inline constexpr int kCaptureNone = 0;
inline constexpr int kCaptureModeRelaxed = 2;
inline constexpr int kMostThreadsPerBlock = 0;  // CUfunction_attribute

/// CUlaunchAttribute, whose value is a union of 64 bytes; only its form of a number is used.
struct LaunchAttribute {
  int id = 0;
  char padding[4] = {};
  union {
    int number = 0;
    char all[64];
    std::uint64_t alignment;
  };
};
static_assert(sizeof(LaunchAttribute) == 72 && offsetof(LaunchAttribute, number) == 8);
inline constexpr int kMemorySyncDomain = 10;
inline constexpr int kRemoteDomain = 1;

/// CUlaunchConfig
struct LaunchConfiguration {
  unsigned blocks[3] = {1, 1, 1};
  unsigned threads[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  Stream stream = nullptr;
  LaunchAttribute* attributes = nullptr;
  unsigned attribute_count = 0;
};
static_assert(sizeof(LaunchConfiguration) == 56 && offsetof(LaunchConfiguration, stream) == 32 &&
              offsetof(LaunchConfiguration, attribute_count) == 48);

}  // namespace driver

struct Driver {
  using Outcome = driver::Outcome;
  using Ordinal = driver::Ordinal;
  using Address = driver::Address;
  using Context = driver::Context;
  using Stream = driver::Stream;
  using Function = driver::Function;

  Outcome (*init)(unsigned flags) = nullptr;
  Outcome (*error_name)(Outcome, const char**) = nullptr;
  Outcome (*error_text)(Outcome, const char**) = nullptr;

  Outcome (*device_count)(int*) = nullptr;
  Outcome (*device_at)(Ordinal*, int ordinal) = nullptr;
  Outcome (*device_name)(char*, int bytes, Ordinal) = nullptr;
  Outcome (*device_uuid)(driver::Uuid*, Ordinal) = nullptr;
  Outcome (*device_attribute)(int*, int attribute, Ordinal) = nullptr;
  Outcome (*can_access_peer)(int*, Ordinal, Ordinal peer) = nullptr;

  Outcome (*retain_primary_context)(Context*, Ordinal) = nullptr;
  Outcome (*release_primary_context)(Ordinal) = nullptr;
  Outcome (*push_context)(Context) = nullptr;
  Outcome (*pop_context)(Context*) = nullptr;
  Outcome (*current_device)(Ordinal*) = nullptr;
  Outcome (*enable_peer_access)(Context peer, unsigned flags) = nullptr;
  Outcome (*exchange_capture_mode)(int*) = nullptr;

  Outcome (*allocate)(Address*, std::size_t) = nullptr;
  Outcome (*free)(Address) = nullptr;
  Outcome (*pointer_attributes)(unsigned count, const int* attributes, void** values,
                                Address) = nullptr;
  Outcome (*pointer_attribute)(void* value, int attribute, Address) = nullptr;
  Outcome (*host_register)(void*, std::size_t, unsigned flags) = nullptr;
  Outcome (*host_unregister)(void*) = nullptr;
  Outcome (*host_device_address)(Address*, void*, unsigned flags) = nullptr;

  Outcome (*export_ipc)(driver::IpcHandle*, Address) = nullptr;
  Outcome (*open_ipc)(Address*, driver::IpcHandle, unsigned flags) = nullptr;
  Outcome (*close_ipc)(Address) = nullptr;

  // Virtual memory management: CUDA 11.
  Outcome (*memory_granularity)(std::size_t*, const driver::MemoryProperties*,
                                int option) = nullptr;
  Outcome (*create_memory)(driver::Memory*, std::size_t, const driver::MemoryProperties*,
                           unsigned long long flags) = nullptr;
  Outcome (*release_memory)(driver::Memory) = nullptr;
  Outcome (*reserve_addresses)(Address*, std::size_t bytes, std::size_t alignment, Address wanted,
                               unsigned long long flags) = nullptr;
  Outcome (*free_addresses)(Address, std::size_t) = nullptr;
  Outcome (*map_memory)(Address, std::size_t bytes, std::size_t offset, driver::Memory,
                        unsigned long long flags) = nullptr;
  Outcome (*unmap_memory)(Address, std::size_t) = nullptr;
  Outcome (*set_access)(Address, std::size_t, const driver::Access*, std::size_t count) = nullptr;
  Outcome (*memory_behind)(driver::Memory*, void* address) = nullptr;
  Outcome (*export_memory)(void* handle, driver::Memory, unsigned type,
                           unsigned long long flags) = nullptr;
  Outcome (*import_memory)(driver::Memory*, void* handle, unsigned type) = nullptr;

  Outcome (*create_stream)(Stream*, unsigned flags) = nullptr;
  Outcome (*destroy_stream)(Stream) = nullptr;
  Outcome (*query_stream)(Stream) = nullptr;
  Outcome (*context_of_stream)(Stream, Context*) = nullptr;
  Outcome (*capture_status)(Stream, int*) = nullptr;
  Outcome (*copy)(Address target, Address source, std::size_t, Stream) = nullptr;
  Outcome (*fill_bytes)(Address, unsigned char, std::size_t count, Stream) = nullptr;
  Outcome (*fill_words)(Address, unsigned, std::size_t count, Stream) = nullptr;

  Outcome (*create_event)(driver::Event*, unsigned flags) = nullptr;
  Outcome (*destroy_event)(driver::Event) = nullptr;
  Outcome (*record_event)(driver::Event, Stream) = nullptr;
  Outcome (*elapsed_time)(float* ms, driver::Event, driver::Event later) = nullptr;
  Outcome (*begin_capture)(Stream, int mode) = nullptr;
  Outcome (*end_capture)(Stream, driver::Graph*) = nullptr;
  Outcome (*make_ready)(driver::ReadyGraph*, driver::Graph, unsigned long long flags) = nullptr;
  Outcome (*launch_graph)(driver::ReadyGraph, Stream) = nullptr;
  Outcome (*destroy_ready_graph)(driver::ReadyGraph) = nullptr;
  Outcome (*destroy_graph)(driver::Graph) = nullptr;

  Outcome (*load_module)(driver::Module*, const void* image) = nullptr;
  Outcome (*unload_module)(driver::Module) = nullptr;
  Outcome (*function_named)(Function*, driver::Module, const char* name) = nullptr;
  Outcome (*function_attribute)(int*, int attribute, Function) = nullptr;
  Outcome (*launch)(Function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
                    unsigned threads_x, unsigned threads_y, unsigned threads_z,
                    unsigned shared_bytes, Stream, void** parameters, void** extra) = nullptr;

  // Null where the driver is older.
  Outcome (*write_value)(Stream, Address, std::uint32_t, unsigned flags) = nullptr;  // CUDA 11.7
  Outcome (*wait_value)(Stream, Address, std::uint32_t, unsigned flags) = nullptr;   // CUDA 11.7
  Outcome (*flush_network_writes)(int target, int scope) = nullptr;                  // CUDA 11.3
  Outcome (*launch_with)(const driver::LaunchConfiguration*, Function, void** parameters,
                         void** extra) = nullptr;  // CUDA 11.8
  // Multicast: CUDA 12.1.
  Outcome (*multicast_granularity)(std::size_t*, const driver::MulticastProperties*,
                                   int option) = nullptr;
  Outcome (*create_multicast)(driver::Memory*, const driver::MulticastProperties*) = nullptr;
  Outcome (*join_multicast)(driver::Memory multicast, Ordinal) = nullptr;
  Outcome (*bind_multicast)(driver::Memory multicast, std::size_t offset, driver::Memory,
                            std::size_t memory_offset, std::size_t bytes,
                            unsigned long long flags) = nullptr;
  Outcome (*unbind_multicast)(driver::Memory multicast, Ordinal, std::size_t offset,
                              std::size_t bytes) = nullptr;
  Outcome (*load_function)(Function) = nullptr;  // CUDA 12.4
  Outcome (*parameter_of)(Function, std::size_t index, std::size_t* offset,
                          std::size_t* bytes) = nullptr;  // CUDA 12.4
};

/// kNotSupported says what is missing.
Result<Driver> load_driver();

}  // namespace tutti
