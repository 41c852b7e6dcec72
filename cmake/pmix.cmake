# PMIx, to meet under mpirun and srun. Only its header is needed to build; libpmix.so.2 is loaded when
# a launcher that speaks PMIx has started the process.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PMIX QUIET pmix)
endif()
find_path(TUTTI_PMIX_INCLUDE pmix.h HINTS ${PMIX_INCLUDE_DIRS} ENV PMIX_ROOT PATH_SUFFIXES include
          DOC "The folder of pmix.h")
if(TUTTI_PMIX_INCLUDE)
  target_include_directories(tutti_bootstrap SYSTEM PRIVATE ${TUTTI_PMIX_INCLUDE})
  target_compile_definitions(tutti_bootstrap PRIVATE TUTTI_PMIX)
else()
  message(STATUS "pmix.h not found: no start by PMIx (mpirun, srun). Debian: libpmix-dev")
endif()
