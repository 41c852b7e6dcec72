// libFuzzer: any bytes as a topology. Built with clang++, run for a minute by ctest; see
// CMakeLists.txt here. To hunt longer:
//
//   build/tests/fuzz/topology_xml_fuzz -dict=tests/fuzz/topology_xml.dict FOLDER
//       tests/fuzz/corpus/topology_xml
//
// What it finds belongs into that corpus, which topology_xml_test.cc reads whatever the compiler.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "reads_back.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string wrong = tutti::fails_to_read_back({reinterpret_cast<const char*>(bytes), size});
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
