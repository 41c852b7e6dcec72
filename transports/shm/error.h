// The sentence for a system call that failed.

#pragma once

#include <string>
#include <system_error>

#include "tutti/status.h"

namespace tutti::shm {

/// "cannot map 3 bytes: Cannot allocate memory".
inline Status system_error(const std::string& what, int error) {
  return {Code::kSystem, what + ": " + std::generic_category().message(error)};
}

}  // namespace tutti::shm
