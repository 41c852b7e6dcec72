# Installs the library into a scratch folder, moves that folder, and builds and runs a user's program
# against it, found once by find_package and once by pkg-config.
#
#   cmake -DBUILD=… -DSOURCE=… -DSCRATCH=… -DCXX=… -DPKG_CONFIG=… -DLIBDIR=… -P install_test.cmake

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/first)
file(RENAME ${SCRATCH}/first ${SCRATCH}/moved)
set(prefix ${SCRATCH}/moved)

foreach(file include/tutti/tutti.h include/tutti/mpi.h ${LIBDIR}/libtutti.so
             ${LIBDIR}/tutti/nccl/include/nccl.h ${LIBDIR}/tutti/nccl/lib/libnccl.so.2)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${SCRATCH}/build -DCMAKE_PREFIX_PATH=${prefix}
    -DCMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${SCRATCH}/build/user)

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs tutti OUTPUT_VARIABLE flags
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${CXX} -std=c++20 ${SOURCE}/user.cc -o ${SCRATCH}/user_by_pkg_config ${flags} -pthread
    -Wl,-rpath,${prefix}/${LIBDIR})
run(${SCRATCH}/user_by_pkg_config)

if(EXISTS ${prefix}/bin/tutti)
  run(${prefix}/bin/tutti --help)
endif()

# A program that is built against NCCL, by where it thinks that NCCL is.
set(nccl_home ${prefix}/${LIBDIR}/tutti/nccl)
run(${CXX} -std=c++17 ${SOURCE}/nccl_user.cc -o ${SCRATCH}/nccl_user -I${nccl_home}/include
    -L${nccl_home}/lib -lnccl -Wl,-rpath,${nccl_home}/lib)
run(${SCRATCH}/nccl_user)
