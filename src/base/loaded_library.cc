// Tested by loaded_library_test.cc.

#include "base/loaded_library.h"

#include <dlfcn.h>

namespace tutti {

LoadedLibrary::LoadedLibrary(const char* file)
    : handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {
  if (handle_ != nullptr) return;
  const char* const why = dlerror();
  problem_ = why == nullptr ? std::string(file) + ": unknown reason" : why;
}

void* LoadedLibrary::address_of(const char* name) const {
  return handle_ == nullptr ? nullptr : dlsym(handle_, name);
}

}  // namespace tutti
