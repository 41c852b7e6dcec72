// The C interface between `tutti perf --vs` and a library that it measures beside Tutti.
//
// Adapters are shared objects (libtutti_vs_openmpi.so, libtutti_vs_mpich.so) that export
// tutti_vs_library(). The command itself links none of them: an MPI is loaded only when asked for,
// and the one whose launcher started the process.

#pragma once

#include <cstddef>

extern "C" {

enum { kTuttiVsVersion = 1 };

/// Enumerations as the numbers of tutti/types.h; counts as in tutti/tutti.h. In place, `input` and
/// `output` lie in one buffer as tutti.h says.
struct TuttiVsCall {
  int collective;
  int type;
  int op;
  int root;
  int in_place;
  std::size_t count;
  std::size_t element_bytes;
  const void* input;
  void* output;
};

/// Functions answer 0, or another number when the library failed.
struct TuttiVsLibrary {
  int version;  // kTuttiVsVersion

  /// Starts the library, or joins it where it runs already.
  int (*start)(int* rank, int* ranks);
  void (*stop)(void);
  /// One line: "Open MPI v4.1.4". Valid after start().
  const char* (*name)(void);
  /// Whether run() can take the call: the library has the type and the reduction.
  int (*supports)(const struct TuttiVsCall* call);
  int (*run)(const struct TuttiVsCall* call);
  /// Gives everybody rank 0's bytes: how a launcher without PMIx starts Tutti.
  int (*share)(void* bytes, std::size_t count);
};

using TuttiVsEntry = const TuttiVsLibrary* (*)();
}
