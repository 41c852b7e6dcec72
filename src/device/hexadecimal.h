// An address in a message: "0x7f1200", "nullptr".

#pragma once

#include <cstdio>
#include <string>

namespace tutti {

inline std::string hexadecimal(const void* address) {
  if (address == nullptr) return "nullptr";
  char text[32];
  std::snprintf(text, sizeof text, "%p", address);
  return text;
}

}  // namespace tutti
