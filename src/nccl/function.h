// How a function of the door is defined: under two names, pncclX, strong, and ncclX, weak, so that
// a profiler can put its own ncclX in front and call pncclX.
//
//   NCCL_FUNCTION(ncclResult_t, ncclGetVersion, (int* version)) { … }
//
// Tested by nccl_abi_test.cc.

#pragma once

#include "tutti/api.h"
#include "tutti/nccl.h"

#define NCCL_FUNCTION(Result, name, parameters)                                        \
  extern "C" TUTTI_API __attribute__((weak, alias("p" #name))) Result name parameters; \
  extern "C" TUTTI_API Result p##name parameters
