// Tested by cuda_driver_test.cc.

#include "device/driver.h"

#include "base/loaded_library.h"

namespace tutti {
namespace {

void find_devices(LoadedLibrary& library, Driver& driver) {
  library.find("cuInit", driver.init);
  library.find("cuGetErrorName", driver.error_name);
  library.find("cuGetErrorString", driver.error_text);
  library.find("cuDeviceGetCount", driver.device_count);
  library.find("cuDeviceGet", driver.device_at);
  library.find("cuDeviceGetName", driver.device_name);
  library.find("cuDeviceGetUuid_v2", driver.device_uuid);
  library.find("cuDeviceGetAttribute", driver.device_attribute);
  library.find("cuDeviceCanAccessPeer", driver.can_access_peer);
}

void find_contexts(LoadedLibrary& library, Driver& driver) {
  library.find("cuDevicePrimaryCtxRetain", driver.retain_primary_context);
  library.find("cuDevicePrimaryCtxRelease_v2", driver.release_primary_context);
  library.find("cuCtxPushCurrent_v2", driver.push_context);
  library.find("cuCtxPopCurrent_v2", driver.pop_context);
  library.find("cuCtxGetDevice", driver.current_device);
  library.find("cuCtxEnablePeerAccess", driver.enable_peer_access);
  library.find("cuThreadExchangeStreamCaptureMode", driver.exchange_capture_mode);
}

void find_memory(LoadedLibrary& library, Driver& driver) {
  library.find("cuMemAlloc_v2", driver.allocate);
  library.find("cuMemFree_v2", driver.free);
  library.find("cuPointerGetAttributes", driver.pointer_attributes);
  library.find("cuPointerGetAttribute", driver.pointer_attribute);
  library.find("cuMemHostRegister_v2", driver.host_register);
  library.find("cuMemHostUnregister", driver.host_unregister);
  library.find("cuMemHostGetDevicePointer_v2", driver.host_device_address);
  library.find("cuIpcGetMemHandle", driver.export_ipc);
  library.find("cuIpcOpenMemHandle_v2", driver.open_ipc);
  library.find("cuIpcCloseMemHandle", driver.close_ipc);
}

void find_virtual_memory(LoadedLibrary& library, Driver& driver) {
  library.find("cuMemGetAllocationGranularity", driver.memory_granularity);
  library.find("cuMemCreate", driver.create_memory);
  library.find("cuMemRelease", driver.release_memory);
  library.find("cuMemAddressReserve", driver.reserve_addresses);
  library.find("cuMemAddressFree", driver.free_addresses);
  library.find("cuMemMap", driver.map_memory);
  library.find("cuMemUnmap", driver.unmap_memory);
  library.find("cuMemSetAccess", driver.set_access);
  library.find("cuMemRetainAllocationHandle", driver.memory_behind);
  library.find("cuMemExportToShareableHandle", driver.export_memory);
  library.find("cuMemImportFromShareableHandle", driver.import_memory);
  library.find_if_there("cuMulticastGetGranularity", driver.multicast_granularity);
  library.find_if_there("cuMulticastCreate", driver.create_multicast);
  library.find_if_there("cuMulticastAddDevice", driver.join_multicast);
  library.find_if_there("cuMulticastBindMem", driver.bind_multicast);
  library.find_if_there("cuMulticastUnbind", driver.unbind_multicast);
}

void find_streams(LoadedLibrary& library, Driver& driver) {
  library.find("cuStreamCreate", driver.create_stream);
  library.find("cuStreamDestroy_v2", driver.destroy_stream);
  library.find("cuStreamQuery", driver.query_stream);
  library.find("cuStreamGetCtx", driver.context_of_stream);
  library.find("cuStreamIsCapturing", driver.capture_status);
  library.find("cuMemcpyAsync", driver.copy);
  library.find("cuMemsetD8Async", driver.fill_bytes);
  library.find("cuMemsetD32Async", driver.fill_words);
  library.find_if_there("cuFlushGPUDirectRDMAWrites", driver.flush_network_writes);
  library.find_if_there("cuStreamWriteValue32_v2", driver.write_value);
  library.find_if_there("cuStreamWaitValue32_v2", driver.wait_value);
}

void find_graphs(LoadedLibrary& library, Driver& driver) {
  library.find("cuEventCreate", driver.create_event);
  library.find("cuEventDestroy_v2", driver.destroy_event);
  library.find("cuEventRecord", driver.record_event);
  library.find("cuEventElapsedTime", driver.elapsed_time);
  library.find("cuStreamBeginCapture_v2", driver.begin_capture);
  library.find("cuStreamEndCapture", driver.end_capture);
  library.find("cuGraphInstantiateWithFlags", driver.make_ready);
  library.find("cuGraphLaunch", driver.launch_graph);
  library.find("cuGraphExecDestroy", driver.destroy_ready_graph);
  library.find("cuGraphDestroy", driver.destroy_graph);
}

void find_kernels(LoadedLibrary& library, Driver& driver) {
  library.find("cuModuleLoadData", driver.load_module);
  library.find("cuModuleUnload", driver.unload_module);
  library.find("cuModuleGetFunction", driver.function_named);
  library.find("cuFuncGetAttribute", driver.function_attribute);
  library.find("cuLaunchKernel", driver.launch);
  library.find_if_there("cuLaunchKernelEx", driver.launch_with);
  library.find_if_there("cuFuncLoad", driver.load_function);
  library.find_if_there("cuFuncGetParamInfo", driver.parameter_of);
}

}  // namespace

Result<Driver> load_driver() {
  LoadedLibrary library("libcuda.so.1");
  Driver driver;
  find_devices(library, driver);
  find_contexts(library, driver);
  find_memory(library, driver);
  find_virtual_memory(library, driver);
  find_streams(library, driver);
  find_graphs(library, driver);
  find_kernels(library, driver);
  if (library.problem().empty()) return driver;
  return {Code::kNotSupported, "NVIDIA's driver cannot be used: " + library.problem()};
}

}  // namespace tutti
