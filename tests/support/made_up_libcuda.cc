// A library that calls itself libcuda.so.1, and has memory of a device: for what only asks whether
// an address is such memory.

#include <cstdint>

// CUpointer_attribute and CUmemorytype of cuda.h.
constexpr int kMemoryType = 2, kIsManaged = 8;
constexpr unsigned kDevice = 2;
constexpr int kInvalidValue = 1;

extern "C" {

__attribute__((visibility("default"))) float made_up_device_memory[8] = {};
__attribute__((visibility("default"))) float made_up_managed_memory[8] = {};

__attribute__((visibility("default"))) int cuPointerGetAttribute(unsigned* answer, int attribute,
                                                                 std::uint64_t address) {
  const auto is_in = [&](const float* memory) {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    return address >= begin && address < begin + sizeof made_up_device_memory;
  };
  const bool managed = is_in(made_up_managed_memory);
  if (!managed && !is_in(made_up_device_memory)) return kInvalidValue;
  if (attribute != kMemoryType && attribute != kIsManaged) return kInvalidValue;
  *answer = attribute == kMemoryType ? kDevice : static_cast<unsigned>(managed);
  return 0;
}

}  // extern "C"
