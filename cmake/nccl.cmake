# The door from NCCL: libnccl.so.2, one file that holds the whole library, so that it can be
# preloaded, or take the place of another libnccl.so.2, without anything beside it; after the library.
#
# It lies in a folder of its own that looks as NCCL_HOME should (include/nccl.h, lib/libnccl.so): in
# the build and in the installation, where a folder that programs search would make it everybody's
# NCCL. How it is used: docs/nccl.md. Tested by nccl_abi_test, nccl_differential_test and tests/install.
tutti_room(nccl src/nccl)   # sees include/ only

get_property(rooms GLOBAL PROPERTY TUTTI_ROOMS)  # now with this one
add_library(nccl SHARED)
foreach(room ${rooms})
  target_sources(nccl PRIVATE $<TARGET_OBJECTS:${room}>)
endforeach()
set(exports ${CMAKE_SOURCE_DIR}/src/nccl/exports.map)
# Never unloaded: it has threads of its own, which end with their communicators.
target_link_options(nccl PRIVATE -Wl,--version-script=${exports} -Wl,-z,nodelete)
set_target_properties(nccl PROPERTIES LINK_DEPENDS ${exports} LINKER_LANGUAGE CXX
                                      VERSION 2.28.9 SOVERSION 2
                                      SKIP_BUILD_RPATH ON INSTALL_RPATH ""  # needs nothing of ours
                                      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/nccl/lib)
target_link_libraries(nccl PRIVATE Threads::Threads ${CMAKE_DL_LIBS} ${TUTTI_PUGIXML})
target_include_directories(nccl INTERFACE ${CMAKE_SOURCE_DIR}/include)

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/nccl/include)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/include/tutti/nccl.h ${CMAKE_BINARY_DIR}/nccl/include/nccl.h
     SYMBOLIC)

set(home ${CMAKE_INSTALL_LIBDIR}/tutti/nccl)
install(TARGETS nccl LIBRARY DESTINATION ${home}/lib)
install(FILES include/tutti/nccl.h DESTINATION ${home}/include)
