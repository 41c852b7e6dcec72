// A driver of GPUs that are not there. Its memory is the host's, mapped as the driver would map it,
// so that it can be shared between processes by file; its streams do what they are given at once.
// What is called, and whatever is left over, is counted.

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "device/driver.h"

namespace tutti::test {

/// One at a time: a driver is functions without state to hand in.
class MadeUpDriver {
 public:
  /// What the driver knows of memory: of a range of addresses, or of a mapping in one.
  struct Range {
    unsigned type = driver::kTypeDevice;
    int ordinal = 0;
    bool managed = false;
    std::uint64_t start = 0;
    std::uint64_t bytes = 0;
    std::uint64_t buffer = 0;
    bool legacy = true;
    unsigned handle_types = 0;
    std::uint64_t pool = 0;
    std::uint64_t mapping_start = 0;  // of virtual memory
    std::uint64_t mapping_bytes = 0;
    std::uint64_t block = 0;
    driver::Memory memory = 0;
  };
  struct Launched {
    std::string kernel;
    std::vector<unsigned> shape;  // blocks, threads
    std::vector<std::byte> arguments;
    int domain = 0;
  };

  static constexpr std::size_t kGranularity = std::size_t{2} << 20;

  MadeUpDriver() { current() = this; }
  ~MadeUpDriver() { current() = nullptr; }
  MadeUpDriver(const MadeUpDriver&) = delete;
  MadeUpDriver& operator=(const MadeUpDriver&) = delete;

  int gpus = 2;
  std::map<int, int> attributes = {
      {driver::kMultiprocessorCount, 132},  {driver::kComputeCapabilityMajor, 9},
      {driver::kComputeCapabilityMinor, 0}, {driver::kVirtualMemorySupported, 1},
      {driver::kPosixFileSupported, 1},     {driver::kGpuDirectRdmaWithVirtualMemorySupported, 1}};
  bool peers_reach = true;
  std::map<std::string, driver::Outcome> errors;             // by call
  std::map<std::string, std::size_t> kernels = {{"k", 16}};  // by name: bytes of arguments
  std::map<driver::Stream, int> owner_of_stream;             // those of other contexts: ordinal
  int capture = driver::kCaptureNone;
  int queries_until_done = 0;

  // What happened.
  std::vector<std::string> calls;
  std::vector<Launched> launched;
  std::map<std::uint64_t, Range> ranges;  // by start
  std::map<driver::Memory, int> files;    // memory that was made or imported, with its users
  std::map<driver::Memory, int> users;
  std::map<driver::Memory, driver::Memory> bound;  // memory to a multicast object
  std::vector<int> joined;                         // devices that did, to any
  std::map<std::uint64_t, std::size_t> reserved;
  std::map<std::uint64_t, std::vector<int>> accessible;  // by start: to which devices
  std::map<int, int> retained;                           // by ordinal
  std::map<std::uint64_t, int> ipc_opened;
  int streams = 0;
  int modules = 0;
  int events = 0;
  int graphs = 0;  // both kinds
  int replays = 0;
  float clock_ms = 0;              // the time of an event that is recorded now
  int called_without_context = 0;  // or in one that is no device's

  static std::vector<driver::Context>& contexts() {  // of the calling thread, current last
    thread_local std::vector<driver::Context> stack;
    return stack;
  }
  static int& capture_mode() {
    thread_local int mode = 0;
    return mode;
  }
  static driver::Context context_of(int ordinal) {
    return reinterpret_cast<driver::Context>(std::uintptr_t{0x1000} * (ordinal + 1));
  }
  static int ordinal_of(driver::Context context) {
    return static_cast<int>(reinterpret_cast<std::uintptr_t>(context) / 0x1000) - 1;
  }

  bool was_called(const std::string& call) const {
    return std::find(calls.begin(), calls.end(), call) != calls.end();
  }
  /// "" when everything that was obtained was given back.
  std::string what_is_left() const {
    std::string left;
    if (!ranges.empty()) left += " memory";
    if (!files.empty()) left += " handles";
    if (!bound.empty()) left += " bindings";
    if (!reserved.empty()) left += " addresses";
    if (streams != 0) left += " streams";
    if (modules != 0) left += " modules";
    if (events != 0) left += " events";
    if (graphs != 0) left += " graphs";
    for (const auto& [ordinal, count] : retained) left += count != 0 ? " contexts" : "";
    for (const auto& [address, count] : ipc_opened) left += count != 0 ? " imports" : "";
    if (!contexts().empty()) left += " current contexts";
    if (capture_mode() != 0) left += " a capture mode";
    return left;
  }

  Driver table() const {
    Driver driver;
    fill_devices(driver);
    fill_contexts(driver);
    fill_memory(driver);
    fill_virtual_memory(driver);
    fill_multicast(driver);
    fill_streams(driver);
    fill_graphs(driver);
    fill_kernels(driver);
    return driver;
  }

 private:
  using Outcome = driver::Outcome;

  static MadeUpDriver*& current() {
    static MadeUpDriver* one = nullptr;
    return one;
  }

  // What the call answers, unless it does something.
  static Outcome begin(const char* call) {
    current()->calls.push_back(call);
    const auto error = current()->errors.find(call);
    return error == current()->errors.end() ? driver::kSuccess : error->second;
  }
  // The same for calls that work on the current context.
  static Outcome begin_in_context(const char* call) {
    const Outcome outcome = begin(call);
    const bool has_context = !contexts().empty() && ordinal_of(contexts().back()) < current()->gpus;
    if (has_context) return outcome;
    ++current()->called_without_context;
    return driver::kInvalidContext;
  }

  static const Range* range_of(std::uint64_t address) {
    auto after = current()->ranges.upper_bound(address);
    if (after == current()->ranges.begin()) return nullptr;
    const Range& range = std::prev(after)->second;
    return address - range.start < range.bytes ? &range : nullptr;
  }

  static void fill_devices(Driver& driver) {
    driver.init = [](unsigned) { return begin("cuInit"); };
    driver.error_name = [](Outcome outcome, const char** name) {
      if (outcome == 12345) return driver::kInvalidValue;
      *name = outcome == 2     ? "CUDA_ERROR_OUT_OF_MEMORY"
              : outcome == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                               : "CUDA_ERROR_OF_SOME_KIND";
      return driver::kSuccess;
    };
    driver.error_text = [](Outcome outcome, const char** text) {
      *text = outcome == 2 ? "out of memory" : "some text";
      return driver::kSuccess;
    };
    driver.device_count = [](int* count) {
      *count = current()->gpus;
      return begin("cuDeviceGetCount");
    };
    driver.device_at = [](driver::Ordinal* device, int ordinal) {
      *device = ordinal;
      return begin("cuDeviceGet");
    };
    driver.device_name = [](char* name, int bytes, driver::Ordinal device) {
      std::snprintf(name, static_cast<std::size_t>(bytes), "Made up %d", device);
      return begin("cuDeviceGetName");
    };
    driver.device_uuid = [](driver::Uuid* uuid, driver::Ordinal device) {
      std::memset(uuid->bytes, device + 1, sizeof uuid->bytes);
      return begin("cuDeviceGetUuid");
    };
    driver.device_attribute = [](int* value, int attribute, driver::Ordinal) {
      const auto known = current()->attributes.find(attribute);
      if (known == current()->attributes.end()) return driver::kInvalidValue;
      *value = known->second;
      return driver::kSuccess;
    };
    driver.can_access_peer = [](int* can, driver::Ordinal, driver::Ordinal) {
      *can = current()->peers_reach ? 1 : 0;
      return begin("cuDeviceCanAccessPeer");
    };
  }

  static void fill_contexts(Driver& driver) {
    driver.retain_primary_context = [](driver::Context* context, driver::Ordinal device) {
      const Outcome outcome = begin("cuDevicePrimaryCtxRetain");
      if (outcome != driver::kSuccess) return outcome;
      *context = context_of(device);
      ++current()->retained[device];
      return outcome;
    };
    driver.release_primary_context = [](driver::Ordinal device) {
      --current()->retained[device];
      return begin("cuDevicePrimaryCtxRelease");
    };
    driver.push_context = [](driver::Context context) {
      contexts().push_back(context);
      return driver::kSuccess;
    };
    driver.pop_context = [](driver::Context* context) {
      *context = contexts().back();
      contexts().pop_back();
      return driver::kSuccess;
    };
    driver.current_device = [](driver::Ordinal* device) {
      *device = ordinal_of(contexts().back());
      return driver::kSuccess;
    };
    driver.enable_peer_access = [](driver::Context, unsigned) {
      return begin_in_context("cuCtxEnablePeerAccess");
    };
    driver.exchange_capture_mode = [](int* mode) {
      std::swap(*mode, capture_mode());
      return driver::kSuccess;
    };
  }

  static void fill_memory(Driver& driver) {
    driver.allocate = [](driver::Address* base, std::size_t bytes) {
      const Outcome outcome = begin_in_context("cuMemAlloc");
      if (outcome != driver::kSuccess) return outcome;
      *base = reinterpret_cast<driver::Address>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
      Range range;
      range.ordinal = ordinal_of(contexts().back());
      range.start = *base;
      range.bytes = bytes;
      range.buffer = ++current()->numbers_;
      current()->ranges[*base] = range;
      return outcome;
    };
    driver.free = [](driver::Address base) {
      const Outcome outcome = begin_in_context("cuMemFree");
      if (current()->ranges.erase(base) == 0) return driver::kInvalidValue;
      std::free(reinterpret_cast<void*>(base));
      return outcome;
    };
    driver.pointer_attributes = [](unsigned count, const int* attributes, void** values,
                                   driver::Address address) {
      for (unsigned i = 0; i < count; ++i) answer(values[i], attributes[i], range_of(address));
      return begin("cuPointerGetAttributes");
    };
    driver.pointer_attribute = [](void* value, int attribute, driver::Address address) {
      const Range* const range = range_of(address);
      if (range == nullptr) return driver::kInvalidValue;
      answer(value, attribute, range);
      return begin("cuPointerGetAttribute");
    };
    driver.host_register = [](void* memory, std::size_t bytes, unsigned flags) {
      const Outcome outcome = begin_in_context("cuMemHostRegister");
      if (outcome != driver::kSuccess) return outcome;
      if (flags != (driver::kHostPortable | driver::kHostDeviceMap)) return driver::kInvalidValue;
      Range range;
      range.type = driver::kTypeHost;
      range.start = reinterpret_cast<std::uint64_t>(memory);
      range.bytes = bytes;
      current()->ranges[range.start] = range;
      return outcome;
    };
    driver.host_unregister = [](void* memory) {
      current()->ranges.erase(reinterpret_cast<std::uint64_t>(memory));
      return begin_in_context("cuMemHostUnregister");
    };
    driver.host_device_address = [](driver::Address* seen, void* memory, unsigned) {
      *seen = reinterpret_cast<driver::Address>(memory);
      return begin_in_context("cuMemHostGetDevicePointer");
    };
    driver.export_ipc = [](driver::IpcHandle* handle, driver::Address base) {
      std::memcpy(handle->bytes, &base, sizeof base);
      return begin_in_context("cuIpcGetMemHandle");
    };
    driver.open_ipc = [](driver::Address* base, driver::IpcHandle handle, unsigned flags) {
      const Outcome outcome = begin_in_context("cuIpcOpenMemHandle");
      if (outcome != driver::kSuccess) return outcome;
      if (flags != driver::kLazyPeerAccess) return driver::kInvalidValue;
      std::memcpy(base, handle.bytes, sizeof *base);
      ++current()->ipc_opened[*base];
      return outcome;
    };
    driver.close_ipc = [](driver::Address base) {
      --current()->ipc_opened[base];
      return begin_in_context("cuIpcCloseMemHandle");
    };
  }

  static void answer(void* value, int attribute, const Range* range) {
    const Range known = range == nullptr ? Range{.type = 0, .legacy = false} : *range;
    const auto word = [&](std::uint32_t answer) { std::memcpy(value, &answer, sizeof answer); };
    const auto number = [&](std::uint64_t answer) { std::memcpy(value, &answer, sizeof answer); };
    if (attribute == driver::kMemoryType) word(known.type);
    if (attribute == driver::kDeviceOrdinal) word(static_cast<std::uint32_t>(known.ordinal));
    if (attribute == driver::kIsManaged) word(known.managed ? 1 : 0);
    if (attribute == driver::kRangeStart) number(known.start);
    if (attribute == driver::kRangeSize) number(known.bytes);
    if (attribute == driver::kBufferId) number(known.buffer);
    if (attribute == driver::kIsLegacyIpcCapable) word(known.legacy ? 1 : 0);
    if (attribute == driver::kAllowedHandleTypes) word(known.handle_types);
    if (attribute == driver::kMemoryPool) number(known.pool);
    if (attribute == driver::kMappingStart) number(known.mapping_start);
    if (attribute == driver::kMappingSize) number(known.mapping_bytes);
    if (attribute == driver::kMemoryBlockId) number(known.block);
  }

  static void fill_virtual_memory(Driver& driver) {
    driver.memory_granularity = [](std::size_t* unit, const driver::MemoryProperties*, int) {
      *unit = kGranularity;
      return begin("cuMemGetAllocationGranularity");
    };
    driver.create_memory = [](driver::Memory* memory, std::size_t bytes,
                              const driver::MemoryProperties* wanted, unsigned long long) {
      const Outcome outcome = begin("cuMemCreate");
      if (outcome != driver::kSuccess) return outcome;
      const bool expected = bytes % kGranularity == 0 && wanted->type == driver::kPinnedMemory &&
                            wanted->handle_types == driver::kPosixFile &&
                            wanted->location.type == driver::kLocationDevice &&
                            wanted->gpu_direct_rdma_capable == 1;
      if (!expected) return driver::kInvalidValue;
      const int file = memfd_create("made up", MFD_CLOEXEC);
      if (ftruncate(file, static_cast<off_t>(bytes)) != 0) return Outcome{2};
      *memory = current()->keep(file);
      return outcome;
    };
    driver.release_memory = [](driver::Memory memory) {
      current()->let_go(memory);
      return driver::kSuccess;
    };
    driver.reserve_addresses = [](driver::Address* base, std::size_t bytes, std::size_t,
                                  driver::Address, unsigned long long) {
      const Outcome outcome = begin("cuMemAddressReserve");
      if (outcome != driver::kSuccess) return outcome;
      *base = reinterpret_cast<driver::Address>(
          mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      current()->reserved[*base] = bytes;
      return outcome;
    };
    driver.free_addresses = [](driver::Address base, std::size_t bytes) {
      const auto found = current()->reserved.find(base);
      if (found == current()->reserved.end() || found->second != bytes) {
        return driver::kInvalidValue;
      }
      munmap(reinterpret_cast<void*>(base), bytes);
      current()->reserved.erase(found);
      return driver::kSuccess;
    };
    driver.map_memory = [](driver::Address base, std::size_t bytes, std::size_t,
                           driver::Memory memory, unsigned long long) {
      const Outcome outcome = begin("cuMemMap");
      if (outcome != driver::kSuccess) return outcome;
      mmap(reinterpret_cast<void*>(base), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
           current()->files.at(memory), 0);
      ++current()->users[memory];
      Range range;
      range.start = range.mapping_start = base;
      range.bytes = range.mapping_bytes = bytes;
      range.buffer = range.block = ++current()->numbers_;
      range.legacy = false;
      range.handle_types = driver::kPosixFile;
      range.memory = memory;
      current()->ranges[base] = range;
      return outcome;
    };
    driver.unmap_memory = [](driver::Address base, std::size_t bytes) {
      const auto found = current()->ranges.find(base);
      if (found == current()->ranges.end() || found->second.bytes != bytes) {
        return driver::kInvalidValue;
      }
      current()->let_go(found->second.memory);
      current()->ranges.erase(found);
      current()->accessible.erase(base);
      return driver::kSuccess;
    };
    driver.set_access = [](driver::Address base, std::size_t, const driver::Access* access,
                           std::size_t count) {
      const Outcome outcome = begin("cuMemSetAccess");
      if (outcome != driver::kSuccess) return outcome;
      if (count != 1 || access->flags != driver::kReadAndWrite) return driver::kInvalidValue;
      current()->accessible[base].push_back(access->location.id);
      return outcome;
    };
    driver.memory_behind = [](driver::Memory* memory, void* address) {
      const Range* const range = range_of(reinterpret_cast<std::uint64_t>(address));
      if (range == nullptr || range->memory == 0) return driver::kInvalidValue;
      *memory = range->memory;
      ++current()->users[*memory];
      return driver::kSuccess;
    };
    driver.export_memory = [](void* handle, driver::Memory memory, unsigned, unsigned long long) {
      const Outcome outcome = begin("cuMemExportToShareableHandle");
      if (outcome != driver::kSuccess) return outcome;
      const int file = dup(current()->files.at(memory));
      std::memcpy(handle, &file, sizeof file);
      return outcome;
    };
    driver.import_memory = [](driver::Memory* memory, void* handle, unsigned) {
      const Outcome outcome = begin("cuMemImportFromShareableHandle");
      if (outcome != driver::kSuccess) return outcome;
      *memory = current()->keep(dup(static_cast<int>(reinterpret_cast<std::intptr_t>(handle))));
      return outcome;
    };
  }

  static void fill_multicast(Driver& driver) {
    driver.multicast_granularity = [](std::size_t* unit, const driver::MulticastProperties*, int) {
      *unit = 2 * kGranularity;
      return begin("cuMulticastGetGranularity");
    };
    driver.create_multicast = [](driver::Memory* object,
                                 const driver::MulticastProperties* wanted) {
      const Outcome outcome = begin("cuMulticastCreate");
      if (outcome != driver::kSuccess) return outcome;
      const bool expected = wanted->bytes % (2 * kGranularity) == 0 && wanted->devices > 0 &&
                            wanted->handle_types == driver::kPosixFile && wanted->flags == 0;
      if (!expected) return driver::kInvalidValue;
      const int file = memfd_create("made up multicast", MFD_CLOEXEC);
      if (ftruncate(file, static_cast<off_t>(wanted->bytes)) != 0) return Outcome{2};
      *object = current()->keep(file);
      return outcome;
    };
    driver.join_multicast = [](driver::Memory, driver::Ordinal device) {
      const Outcome outcome = begin("cuMulticastAddDevice");
      if (outcome == driver::kSuccess) current()->joined.push_back(device);
      return outcome;
    };
    driver.bind_multicast = [](driver::Memory object, std::size_t offset, driver::Memory memory,
                               std::size_t memory_offset, std::size_t bytes, unsigned long long) {
      const Outcome outcome = begin("cuMulticastBindMem");
      if (outcome != driver::kSuccess) return outcome;
      const bool expected = offset == 0 && memory_offset == 0 && bytes % (2 * kGranularity) == 0;
      if (!expected) return driver::kInvalidValue;
      ++current()->users[memory];
      current()->bound[object] = memory;
      return outcome;
    };
    driver.unbind_multicast = [](driver::Memory object, driver::Ordinal, std::size_t, std::size_t) {
      const auto found = current()->bound.find(object);
      if (found == current()->bound.end()) return driver::kInvalidValue;
      current()->let_go(found->second);
      current()->bound.erase(found);
      return begin("cuMulticastUnbind");
    };
  }

  driver::Memory keep(int file) {
    const driver::Memory memory = ++numbers_;
    files[memory] = file;
    users[memory] = 1;
    return memory;
  }
  void let_go(driver::Memory memory) {
    if (--users[memory] > 0) return;
    close(files.at(memory));
    files.erase(memory);
    users.erase(memory);
  }

  static void fill_graphs(Driver& driver) {
    driver.create_event = [](driver::Event* event, unsigned) {
      const Outcome outcome = begin_in_context("cuEventCreate");
      if (outcome != driver::kSuccess) return outcome;
      *event = reinterpret_cast<driver::Event>(new float(0));
      ++current()->events;
      return outcome;
    };
    driver.destroy_event = [](driver::Event event) {
      delete reinterpret_cast<float*>(event);
      --current()->events;
      return begin_in_context("cuEventDestroy");
    };
    driver.record_event = [](driver::Event event, driver::Stream) {
      *reinterpret_cast<float*>(event) = current()->clock_ms;
      return begin_in_context("cuEventRecord");
    };
    driver.elapsed_time = [](float* ms, driver::Event first, driver::Event later) {
      *ms = *reinterpret_cast<float*>(later) - *reinterpret_cast<float*>(first);
      return begin_in_context("cuEventElapsedTime");
    };
    driver.begin_capture = [](driver::Stream, int mode) {
      if (mode != driver::kCaptureModeRelaxed) return driver::kInvalidValue;
      current()->capture = 1;
      return begin_in_context("cuStreamBeginCapture");
    };
    driver.end_capture = [](driver::Stream, driver::Graph* graph) {
      current()->capture = driver::kCaptureNone;
      *graph = reinterpret_cast<driver::Graph>(++current()->numbers_ * 16);
      ++current()->graphs;
      return begin_in_context("cuStreamEndCapture");
    };
    driver.make_ready = [](driver::ReadyGraph* ready, driver::Graph, unsigned long long) {
      *ready = reinterpret_cast<driver::ReadyGraph>(++current()->numbers_ * 16);
      ++current()->graphs;
      return begin_in_context("cuGraphInstantiateWithFlags");
    };
    driver.launch_graph = [](driver::ReadyGraph, driver::Stream) {
      ++current()->replays;
      return begin_in_context("cuGraphLaunch");
    };
    driver.destroy_ready_graph = [](driver::ReadyGraph) {
      --current()->graphs;
      return begin_in_context("cuGraphExecDestroy");
    };
    driver.destroy_graph = [](driver::Graph) {
      --current()->graphs;
      return begin_in_context("cuGraphDestroy");
    };
  }

  static void fill_streams(Driver& driver) {
    driver.create_stream = [](driver::Stream* stream, unsigned flags) {
      const Outcome outcome = begin_in_context("cuStreamCreate");
      if (outcome != driver::kSuccess) return outcome;
      if (flags != driver::kStreamNonBlocking) return driver::kInvalidValue;
      *stream = reinterpret_cast<driver::Stream>(++current()->numbers_ * 16);
      ++current()->streams;
      return outcome;
    };
    driver.destroy_stream = [](driver::Stream) {
      --current()->streams;
      return begin_in_context("cuStreamDestroy");
    };
    driver.query_stream = [](driver::Stream) {
      const Outcome outcome = begin_in_context("cuStreamQuery");
      return current()->queries_until_done-- > 0 ? driver::kNotReady : outcome;
    };
    driver.context_of_stream = [](driver::Stream stream, driver::Context* context) {
      const auto other = current()->owner_of_stream.find(stream);
      *context =
          other == current()->owner_of_stream.end() ? contexts().back() : context_of(other->second);
      return begin_in_context("cuStreamGetCtx");
    };
    driver.capture_status = [](driver::Stream, int* status) {
      *status = current()->capture;
      return begin_in_context("cuStreamIsCapturing");
    };
    driver.copy = [](driver::Address target, driver::Address source, std::size_t bytes,
                     driver::Stream) {
      const Outcome outcome = begin_in_context("cuMemcpyAsync");
      if (outcome != driver::kSuccess) return outcome;
      std::memcpy(reinterpret_cast<void*>(target), reinterpret_cast<void*>(source), bytes);
      return outcome;
    };
    driver.fill_bytes = [](driver::Address base, unsigned char byte, std::size_t bytes,
                           driver::Stream) {
      const Outcome outcome = begin_in_context("cuMemsetD8Async");
      if (outcome != driver::kSuccess) return outcome;
      std::memset(reinterpret_cast<void*>(base), byte, bytes);
      return outcome;
    };
    driver.fill_words = [](driver::Address base, unsigned word, std::size_t count, driver::Stream) {
      if (count == 1) std::memcpy(reinterpret_cast<void*>(base), &word, sizeof word);
      return begin_in_context("cuMemsetD32Async");
    };
    driver.write_value = [](driver::Stream, driver::Address flag, std::uint32_t value, unsigned) {
      std::memcpy(reinterpret_cast<void*>(flag), &value, sizeof value);
      return begin_in_context("cuStreamWriteValue32");
    };
    driver.flush_network_writes = [](int target, int scope) {
      const Outcome outcome = begin_in_context("cuFlushGPUDirectRDMAWrites");
      const bool known =
          target == driver::kFlushCurrentContext && scope == driver::kOrderedForOwner;
      return known ? outcome : driver::kInvalidValue;
    };
    driver.wait_value = [](driver::Stream, driver::Address, std::uint32_t, unsigned flags) {
      const Outcome outcome = begin_in_context("cuStreamWaitValue32");
      return flags == driver::kWaitGreaterOrEqual ? outcome : driver::kInvalidValue;
    };
  }

  static void fill_kernels(Driver& driver) {
    driver.load_module = [](driver::Module* module, const void*) {
      const Outcome outcome = begin_in_context("cuModuleLoadData");
      if (outcome != driver::kSuccess) return outcome;
      *module = reinterpret_cast<driver::Module>(1);
      ++current()->modules;
      return outcome;
    };
    driver.unload_module = [](driver::Module) {
      --current()->modules;
      return begin_in_context("cuModuleUnload");
    };
    driver.function_named = [](driver::Function* function, driver::Module, const char* name) {
      const auto known = current()->kernels.find(name);
      if (known == current()->kernels.end()) return Outcome{500};
      *function = reinterpret_cast<driver::Function>(&*known);
      return begin_in_context("cuModuleGetFunction");
    };
    driver.function_attribute = [](int* value, int, driver::Function) {
      *value = 512;
      return begin_in_context("cuFuncGetAttribute");
    };
    driver.load_function = [](driver::Function) { return begin_in_context("cuFuncLoad"); };
    driver.parameter_of = [](driver::Function function, std::size_t, std::size_t* offset,
                             std::size_t* bytes) {
      *offset = 0;
      *bytes = kernel(function).second;
      return begin_in_context("cuFuncGetParamInfo");
    };
    driver.launch = [](driver::Function function, unsigned blocks, unsigned, unsigned,
                       unsigned threads, unsigned, unsigned, unsigned, driver::Stream,
                       void** parameters, void**) {
      const Outcome outcome = begin_in_context("cuLaunchKernel");
      if (outcome == driver::kSuccess) record(function, blocks, threads, parameters, 0);
      return outcome;
    };
    driver.launch_with = [](const driver::LaunchConfiguration* configuration,
                            driver::Function function, void** parameters, void**) {
      const Outcome outcome = begin_in_context("cuLaunchKernelEx");
      if (outcome != driver::kSuccess) return outcome;
      const bool expected = configuration->attribute_count == 1 &&
                            configuration->attributes->id == driver::kMemorySyncDomain;
      if (!expected) return driver::kInvalidValue;
      record(function, configuration->blocks[0], configuration->threads[0], parameters,
             configuration->attributes->number);
      return outcome;
    };
  }

  static const std::pair<const std::string, std::size_t>& kernel(driver::Function function) {
    return *reinterpret_cast<const std::pair<const std::string, std::size_t>*>(function);
  }
  static void record(driver::Function function, unsigned blocks, unsigned threads,
                     void** parameters, int domain) {
    const auto& [name, bytes] = kernel(function);
    const auto* const first = static_cast<const std::byte*>(parameters[0]);
    current()->launched.push_back({name, {blocks, threads}, {first, first + bytes}, domain});
  }

  std::uint64_t numbers_ = 0;
};

}  // namespace tutti::test
