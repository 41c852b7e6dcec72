// TUTTI_CHECK: a bug in the library stops here, saying where and with which operands.

#pragma once

#include <cstdio>
#include <cstdlib>

#define TUTTI_CHECK(condition, ...)                                                               \
  do {                                                                                            \
    if (!(condition)) [[unlikely]] {                                                              \
      std::fprintf(stderr, "tutti bug: %s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
      __VA_OPT__(std::fprintf(stderr, ": " __VA_ARGS__);)                                         \
      std::fputc('\n', stderr);                                                                   \
      std::abort();                                                                               \
    }                                                                                             \
  } while (false)
