# What topology is looked up and read with; after its room.
#
# pugixml reads XML. It is linked in statically where that is possible, so that the library needs
# nothing of it at run time.
find_library(TUTTI_PUGIXML NAMES libpugixml.a pugixml DOC "The library pugixml")
find_path(TUTTI_PUGIXML_INCLUDE pugixml.hpp DOC "The folder of pugixml.hpp")
if(NOT TUTTI_PUGIXML OR NOT TUTTI_PUGIXML_INCLUDE)
  message(FATAL_ERROR "pugixml not found. Debian: libpugixml-dev")
endif()
target_include_directories(tutti_topology SYSTEM PRIVATE ${TUTTI_PUGIXML_INCLUDE})
target_link_libraries(tutti_topology PUBLIC ${TUTTI_PUGIXML})

# hwloc sees processors, caches and PCI. Only its headers are needed to build; libhwloc.so.15 is
# loaded when a machine is looked at.
find_path(TUTTI_HWLOC_INCLUDE hwloc.h HINTS ENV HWLOC_ROOT PATH_SUFFIXES include
          DOC "The folder of hwloc.h")
if(TUTTI_HWLOC_INCLUDE)
  target_include_directories(tutti_topology SYSTEM PRIVATE ${TUTTI_HWLOC_INCLUDE})
  target_compile_definitions(tutti_topology PRIVATE TUTTI_HWLOC)
else()
  message(STATUS "hwloc.h not found: machines are known by their processors only. Debian: libhwloc-dev")
endif()
