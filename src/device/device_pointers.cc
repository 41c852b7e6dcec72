// Source: the documentation of cuPointerGetAttribute(). Tested by bad_input_test.cc.

#include "device/device_pointers.h"

#include <dlfcn.h>

#include <cstdint>

#include "device/driver.h"

namespace tutti {

std::optional<DevicePointers> DevicePointers::of_process() {
  void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return std::nullopt;
  const auto attribute = reinterpret_cast<Attribute>(dlsym(library, "cuPointerGetAttribute"));
  if (attribute == nullptr) return std::nullopt;
  return DevicePointers(attribute);
}

bool DevicePointers::hold(const void* address) const {
  const auto number = static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(address));
  const auto is = [&](int attribute, unsigned expected) {
    unsigned answer = 0;
    return attribute_(&answer, attribute, number) == 0 && answer == expected;
  };
  return is(driver::kMemoryType, driver::kTypeDevice) && !is(driver::kIsManaged, 1);
}

}  // namespace tutti
