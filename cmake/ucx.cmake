# UCX, to reach other hosts. Only its headers are needed to build; libucp.so.0 is loaded when a
# communicator has ranks on several hosts. After its room.
find_path(TUTTI_UCX_INCLUDE ucp/api/ucp.h HINTS ENV UCX_ROOT PATH_SUFFIXES include
          DOC "The folder of ucp/api/ucp.h")
if(TUTTI_UCX_INCLUDE)
  target_include_directories(tutti_ucx SYSTEM PRIVATE ${TUTTI_UCX_INCLUDE})
  target_compile_definitions(tutti_ucx PRIVATE TUTTI_UCX)
else()
  message(STATUS "ucp/api/ucp.h not found: one host only. Debian: libucx-dev")
endif()
