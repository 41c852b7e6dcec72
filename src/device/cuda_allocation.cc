// Source: the documentation of cuPointerGetAttribute(). Tested by cuda_driver_test.cc.

#include "device/cuda_allocation.h"

#include <iterator>
#include <string>

#include "device/hexadecimal.h"

namespace tutti {
namespace {

// Answers have 4 or 8 bytes; of a number of 8 that was zero they are the lower ones.
struct Attributes {
  std::uint64_t type = 0;
  std::uint64_t ordinal = 0;
  std::uint64_t managed = 0;
  std::uint64_t start = 0;
  std::uint64_t bytes = 0;
  std::uint64_t buffer = 0;
  std::uint64_t legacy = 0;
  std::uint64_t handle_types = 0;
  std::uint64_t pool = 0;
};

// Unlike cuPointerGetAttribute(), answers zeros for addresses that CUDA does not know.
driver::Outcome look_up(const Driver& driver, driver::Address address, Attributes& found) {
  const int wanted[] = {
      driver::kMemoryType,         driver::kDeviceOrdinal,      driver::kIsManaged,
      driver::kRangeStart,         driver::kRangeSize,          driver::kBufferId,
      driver::kIsLegacyIpcCapable, driver::kAllowedHandleTypes, driver::kMemoryPool};
  void* answers[] = {&found.type,   &found.ordinal, &found.managed,      &found.start, &found.bytes,
                     &found.buffer, &found.legacy,  &found.handle_types, &found.pool};
  return driver.pointer_attributes(std::size(wanted), wanted, answers, address);
}

std::uint64_t attribute_of(const Driver& driver, driver::Address address, int attribute) {
  std::uint64_t value = 0;
  const bool known = driver.pointer_attribute(&value, attribute, address) == driver::kSuccess;
  return known ? value : 0;
}

// The driver says no more directly: whether memory of cuMemCreate() lies behind the address.
bool is_virtual(const Driver& driver, driver::Address address) {
  driver::Memory memory = 0;
  if (driver.memory_behind(&memory, reinterpret_cast<void*>(address)) != driver::kSuccess) {
    return false;
  }
  driver.release_memory(memory);
  return true;
}

std::string what_it_is(const Attributes& found) {
  if (found.managed != 0) return "managed memory";
  if (found.type == driver::kTypeHost) return "memory of the host, pinned";
  if (found.type != driver::kTypeDevice) return "memory of the host";
  return "memory of device " + std::to_string(static_cast<int>(found.ordinal));
}

// A range of addresses may hold many mappings, each of which can be replaced: the mapping it is.
void narrow_to_mapping(const Driver& driver, driver::Address address, Attributes& found) {
  const std::uint64_t start = attribute_of(driver, address, driver::kMappingStart);
  const std::uint64_t bytes = attribute_of(driver, address, driver::kMappingSize);
  const std::uint64_t block = attribute_of(driver, address, driver::kMemoryBlockId);
  if (start != 0 && bytes != 0) {
    found.start = start;
    found.bytes = bytes;
  }
  if (block == 0) return;
  // Blocks are counted apart from buffers, to which the same addresses may belong later.
  constexpr std::uint64_t kOfBlocks = std::uint64_t{1} << 63;
  found.buffer = block | kOfBlocks;
}

}  // namespace

Result<CudaAllocation> cuda_allocation_of(const CudaContext& context, const void* address) {
  const Driver& driver = context.driver();
  const auto wanted = reinterpret_cast<driver::Address>(address);
  Attributes found;
  const driver::Outcome outcome =
      address == nullptr ? driver::kSuccess : look_up(driver, wanted, found);
  if (outcome != driver::kSuccess) {
    return context.outcome_of("cuPointerGetAttributes of " + hexadecimal(address), outcome);
  }
  const bool is_of_this_device = found.managed == 0 && found.type == driver::kTypeDevice &&
                                 static_cast<int>(found.ordinal) == context.ordinal();
  if (!is_of_this_device) {
    return {Code::kInvalidArgument, hexadecimal(address) + " is " + what_it_is(found) +
                                        ", expected memory of device " +
                                        std::to_string(context.ordinal())};
  }
  CudaAllocation answer;
  answer.can_be_exported = found.legacy != 0;
  if (found.pool != 0) {
    answer.kind = CudaAllocation::Kind::kPool;
    answer.can_be_exported = false;
  } else if (found.legacy == 0 && is_virtual(driver, wanted)) {
    answer.kind = CudaAllocation::Kind::kVirtual;
    answer.can_be_exported = (found.handle_types & driver::kPosixFile) != 0;
    narrow_to_mapping(driver, wanted, found);
  }
  // Contexts enable access to the memory of others for this kind as a whole.
  const bool by_address = answer.kind == CudaAllocation::Kind::kPlain;
  answer.allocation = {reinterpret_cast<std::byte*>(found.start), found.bytes, found.buffer,
                       by_address};
  return answer;
}

}  // namespace tutti
