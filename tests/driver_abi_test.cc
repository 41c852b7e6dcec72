// Compares device/driver.h, which declares NVIDIA's driver anew, with NVIDIA's own declarations,
// where a CUDA toolkit lies in its usual place: layouts, numbers, and what functions take.
//
// ROOMS: device
// TIER: fast

#include <gtest/gtest.h>

#include <cstddef>
#include <type_traits>

#include "device/driver.h"

#if __has_include("/usr/local/cuda/include/cuda.h")
#include "/usr/local/cuda/include/cuda.h"

namespace tutti {
namespace {

template <class Ours, class Theirs>
constexpr bool same_layout() {
  return sizeof(Ours) == sizeof(Theirs) && alignof(Ours) == alignof(Theirs);
}

static_assert(same_layout<driver::Memory, CUmemGenericAllocationHandle>());
static_assert(same_layout<driver::Address, CUdeviceptr>());
static_assert(same_layout<driver::Uuid, CUuuid>());
static_assert(same_layout<driver::Location, CUmemLocation>());
static_assert(same_layout<driver::MemoryProperties, CUmemAllocationProp>());
static_assert(offsetof(driver::MemoryProperties, handle_types) ==
              offsetof(CUmemAllocationProp, requestedHandleTypes));
static_assert(offsetof(driver::MemoryProperties, location) ==
              offsetof(CUmemAllocationProp, location));
static_assert(offsetof(driver::MemoryProperties, gpu_direct_rdma_capable) ==
              offsetof(CUmemAllocationProp, allocFlags.gpuDirectRDMACapable));
static_assert(same_layout<driver::Access, CUmemAccessDesc>());
static_assert(offsetof(driver::Access, flags) == offsetof(CUmemAccessDesc, flags));
static_assert(same_layout<driver::IpcHandle, CUipcMemHandle>());
static_assert(same_layout<driver::LaunchAttribute, CUlaunchAttribute>());
static_assert(offsetof(driver::LaunchAttribute, number) ==
              offsetof(CUlaunchAttribute, value.memSyncDomain));
static_assert(same_layout<driver::LaunchConfiguration, CUlaunchConfig>());
static_assert(offsetof(driver::LaunchConfiguration, threads) ==
              offsetof(CUlaunchConfig, blockDimX));
static_assert(offsetof(driver::LaunchConfiguration, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(driver::LaunchConfiguration, shared_bytes) ==
              offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(driver::LaunchConfiguration, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(driver::LaunchConfiguration, attribute_count) ==
              offsetof(CUlaunchConfig, numAttrs));

// Alike, parameter by parameter: all are numbers, pointers or plain structures.
template <class... Ours, class... Theirs>
constexpr bool alike(driver::Outcome (*Driver::*)(Ours...), CUresult (*)(Theirs...)) {
  if constexpr (sizeof...(Ours) != sizeof...(Theirs)) {
    return false;
  } else {
    return (
        (same_layout<Ours, Theirs>() && std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>)&&...);
  }
}

// The names of the header stand for those that are looked up: cuMemAlloc for cuMemAlloc_v2.
static_assert(alike(&Driver::init, &cuInit));
static_assert(alike(&Driver::error_name, &cuGetErrorName));
static_assert(alike(&Driver::error_text, &cuGetErrorString));
static_assert(alike(&Driver::device_count, &cuDeviceGetCount));
static_assert(alike(&Driver::device_at, &cuDeviceGet));
static_assert(alike(&Driver::device_name, &cuDeviceGetName));
static_assert(alike(&Driver::device_uuid, &cuDeviceGetUuid));
static_assert(alike(&Driver::device_attribute, &cuDeviceGetAttribute));
static_assert(alike(&Driver::can_access_peer, &cuDeviceCanAccessPeer));
static_assert(alike(&Driver::retain_primary_context, &cuDevicePrimaryCtxRetain));
static_assert(alike(&Driver::release_primary_context, &cuDevicePrimaryCtxRelease));
static_assert(alike(&Driver::push_context, &cuCtxPushCurrent));
static_assert(alike(&Driver::pop_context, &cuCtxPopCurrent));
static_assert(alike(&Driver::current_device, &cuCtxGetDevice));
static_assert(alike(&Driver::enable_peer_access, &cuCtxEnablePeerAccess));
static_assert(alike(&Driver::exchange_capture_mode, &cuThreadExchangeStreamCaptureMode));
static_assert(alike(&Driver::allocate, &cuMemAlloc));
static_assert(alike(&Driver::free, &cuMemFree));
static_assert(alike(&Driver::pointer_attributes, &cuPointerGetAttributes));
static_assert(alike(&Driver::pointer_attribute, &cuPointerGetAttribute));
static_assert(alike(&Driver::host_register, &cuMemHostRegister));
static_assert(alike(&Driver::host_unregister, &cuMemHostUnregister));
static_assert(alike(&Driver::host_device_address, &cuMemHostGetDevicePointer));
static_assert(alike(&Driver::export_ipc, &cuIpcGetMemHandle));
static_assert(alike(&Driver::open_ipc, &cuIpcOpenMemHandle));
static_assert(alike(&Driver::close_ipc, &cuIpcCloseMemHandle));
static_assert(alike(&Driver::memory_granularity, &cuMemGetAllocationGranularity));
static_assert(alike(&Driver::create_memory, &cuMemCreate));
static_assert(alike(&Driver::release_memory, &cuMemRelease));
static_assert(alike(&Driver::reserve_addresses, &cuMemAddressReserve));
static_assert(alike(&Driver::free_addresses, &cuMemAddressFree));
static_assert(alike(&Driver::map_memory, &cuMemMap));
static_assert(alike(&Driver::unmap_memory, &cuMemUnmap));
static_assert(alike(&Driver::set_access, &cuMemSetAccess));
static_assert(alike(&Driver::memory_behind, &cuMemRetainAllocationHandle));
static_assert(alike(&Driver::export_memory, &cuMemExportToShareableHandle));
static_assert(alike(&Driver::import_memory, &cuMemImportFromShareableHandle));
static_assert(alike(&Driver::create_stream, &cuStreamCreate));
static_assert(alike(&Driver::destroy_stream, &cuStreamDestroy));
static_assert(alike(&Driver::query_stream, &cuStreamQuery));
static_assert(alike(&Driver::context_of_stream, &cuStreamGetCtx));
static_assert(alike(&Driver::capture_status, &cuStreamIsCapturing));
static_assert(alike(&Driver::copy, &cuMemcpyAsync));
static_assert(alike(&Driver::fill_bytes, &cuMemsetD8Async));
static_assert(alike(&Driver::fill_words, &cuMemsetD32Async));
static_assert(alike(&Driver::create_event, &cuEventCreate));
static_assert(alike(&Driver::destroy_event, &cuEventDestroy));
static_assert(alike(&Driver::record_event, &cuEventRecord));
static_assert(alike(&Driver::elapsed_time, &cuEventElapsedTime));
static_assert(alike(&Driver::begin_capture, &cuStreamBeginCapture));
static_assert(alike(&Driver::end_capture, &cuStreamEndCapture));
static_assert(alike(&Driver::make_ready, &cuGraphInstantiateWithFlags));
static_assert(alike(&Driver::launch_graph, &cuGraphLaunch));
static_assert(alike(&Driver::destroy_ready_graph, &cuGraphExecDestroy));
static_assert(alike(&Driver::destroy_graph, &cuGraphDestroy));
static_assert(alike(&Driver::flush_network_writes, &cuFlushGPUDirectRDMAWrites));
static_assert(alike(&Driver::load_module, &cuModuleLoadData));
static_assert(alike(&Driver::unload_module, &cuModuleUnload));
static_assert(alike(&Driver::function_named, &cuModuleGetFunction));
static_assert(alike(&Driver::function_attribute, &cuFuncGetAttribute));
static_assert(alike(&Driver::launch, &cuLaunchKernel));
#if CUDA_VERSION >= 12040  // else of other meaning, or not there
static_assert(same_layout<driver::MulticastProperties, CUmulticastObjectProp>());
static_assert(offsetof(driver::MulticastProperties, bytes) ==
              offsetof(CUmulticastObjectProp, size));
static_assert(offsetof(driver::MulticastProperties, handle_types) ==
              offsetof(CUmulticastObjectProp, handleTypes));
static_assert(driver::kMulticastGranularityMinimum == CU_MULTICAST_GRANULARITY_MINIMUM);
static_assert(alike(&Driver::multicast_granularity, &cuMulticastGetGranularity));
static_assert(alike(&Driver::create_multicast, &cuMulticastCreate));
static_assert(alike(&Driver::join_multicast, &cuMulticastAddDevice));
static_assert(alike(&Driver::bind_multicast, &cuMulticastBindMem));
static_assert(alike(&Driver::unbind_multicast, &cuMulticastUnbind));
static_assert(alike(&Driver::write_value, &cuStreamWriteValue32));
static_assert(alike(&Driver::wait_value, &cuStreamWaitValue32));
static_assert(alike(&Driver::launch_with, &cuLaunchKernelEx));
static_assert(alike(&Driver::load_function, &cuFuncLoad));
static_assert(alike(&Driver::parameter_of, &cuFuncGetParamInfo));
#endif
#if CUDA_VERSION >= 13000
static_assert(driver::kContained == CUDA_ERROR_CONTAINED);
#endif

struct Number {
  const char* name;
  long ours;
  long theirs;
};

TEST(DriverAbi, NumbersAreNvidias) {
#define NUMBER(ours, theirs) \
  { #theirs, static_cast < long>(driver::ours), static_cast < long>(theirs) }
  const Number numbers[] = {
      NUMBER(kInvalidValue, CUDA_ERROR_INVALID_VALUE),
      NUMBER(kNotInitialized, CUDA_ERROR_NOT_INITIALIZED),
      NUMBER(kNoDevice, CUDA_ERROR_NO_DEVICE),
      NUMBER(kInvalidDevice, CUDA_ERROR_INVALID_DEVICE),
      NUMBER(kInvalidImage, CUDA_ERROR_INVALID_IMAGE),
      NUMBER(kInvalidContext, CUDA_ERROR_INVALID_CONTEXT),
      NUMBER(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU),
      NUMBER(kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE),
      NUMBER(kPeerAccessUnsupported, CUDA_ERROR_PEER_ACCESS_UNSUPPORTED),
      NUMBER(kNvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE),
      NUMBER(kJitCompilerNotFound, CUDA_ERROR_JIT_COMPILER_NOT_FOUND),
      NUMBER(kUnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION),
      NUMBER(kJitCompilationDisabled, CUDA_ERROR_JIT_COMPILATION_DISABLED),
      NUMBER(kInvalidHandle, CUDA_ERROR_INVALID_HANDLE),
      NUMBER(kNotFound, CUDA_ERROR_NOT_FOUND),
      NUMBER(kNotReady, CUDA_ERROR_NOT_READY),
      NUMBER(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS),
      NUMBER(kLaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT),
      NUMBER(kPeerAccessAlreadyEnabled, CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED),
      NUMBER(kContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED),
      NUMBER(kAssert, CUDA_ERROR_ASSERT),
      NUMBER(kHostMemoryAlreadyRegistered, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED),
      NUMBER(kHardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR),
      NUMBER(kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED),
      NUMBER(kNotPermitted, CUDA_ERROR_NOT_PERMITTED),
      NUMBER(kNotSupported, CUDA_ERROR_NOT_SUPPORTED),
      NUMBER(kMpsClientTerminated, CUDA_ERROR_MPS_CLIENT_TERMINATED),
      NUMBER(kCaptureUnsupported, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
      NUMBER(kCaptureImplicit, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
      NUMBER(kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
      NUMBER(kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
      NUMBER(kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
      NUMBER(kVirtualMemorySupported, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED),
      NUMBER(kPosixFileSupported, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED),
      NUMBER(kGpuDirectRdmaWithVirtualMemorySupported,
             CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED),
      NUMBER(kGpuDirectRdmaSupported, CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED),
      NUMBER(kGpuDirectRdmaFlushOptions, CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_FLUSH_WRITES_OPTIONS),
      NUMBER(kGpuDirectRdmaWritesOrdering, CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WRITES_ORDERING),
      NUMBER(kFlushByHost, CU_FLUSH_GPU_DIRECT_RDMA_WRITES_OPTION_HOST),
      NUMBER(kFlushCurrentContext, CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TARGET_CURRENT_CTX),
      NUMBER(kOrderedForOwner, CU_GPU_DIRECT_RDMA_WRITES_ORDERING_OWNER),
      NUMBER(kOrderedForOwner, CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TO_OWNER),
      NUMBER(kMulticastSupported, CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED),
      NUMBER(kMpsEnabled, CU_DEVICE_ATTRIBUTE_MPS_ENABLED),
      NUMBER(kMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE),
      NUMBER(kBufferId, CU_POINTER_ATTRIBUTE_BUFFER_ID),
      NUMBER(kIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED),
      NUMBER(kDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL),
      NUMBER(kIsLegacyIpcCapable, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE),
      NUMBER(kRangeStart, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR),
      NUMBER(kRangeSize, CU_POINTER_ATTRIBUTE_RANGE_SIZE),
      NUMBER(kAllowedHandleTypes, CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES),
      NUMBER(kMemoryPool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE),
      NUMBER(kMappingSize, CU_POINTER_ATTRIBUTE_MAPPING_SIZE),
      NUMBER(kMappingStart, CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR),
      NUMBER(kMemoryBlockId, CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID),
      NUMBER(kTypeHost, CU_MEMORYTYPE_HOST),
      NUMBER(kTypeDevice, CU_MEMORYTYPE_DEVICE),
      NUMBER(kLocationDevice, CU_MEM_LOCATION_TYPE_DEVICE),
      NUMBER(kPinnedMemory, CU_MEM_ALLOCATION_TYPE_PINNED),
      NUMBER(kPosixFile, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
      NUMBER(kGranularityRecommended, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
      NUMBER(kReadAndWrite, CU_MEM_ACCESS_FLAGS_PROT_READWRITE),
      NUMBER(kLazyPeerAccess, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS),
      NUMBER(kHostPortable, CU_MEMHOSTREGISTER_PORTABLE),
      NUMBER(kHostDeviceMap, CU_MEMHOSTREGISTER_DEVICEMAP),
      NUMBER(kStreamNonBlocking, CU_STREAM_NON_BLOCKING),
      NUMBER(kWaitGreaterOrEqual, CU_STREAM_WAIT_VALUE_GEQ),
      NUMBER(kWriteAfterFence, CU_STREAM_WRITE_VALUE_DEFAULT),
      NUMBER(kCaptureNone, CU_STREAM_CAPTURE_STATUS_NONE),
      NUMBER(kCaptureModeRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED),
      NUMBER(kMostThreadsPerBlock, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
      NUMBER(kMemorySyncDomain, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN),
      NUMBER(kRemoteDomain, CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE),
  };
#undef NUMBER
  for (const Number& number : numbers) EXPECT_EQ(number.ours, number.theirs) << number.name;
}

}  // namespace
}  // namespace tutti

#else

TEST(DriverAbi, NumbersAreNvidias) { GTEST_SKIP() << "no CUDA toolkit in /usr/local/cuda"; }

#endif
