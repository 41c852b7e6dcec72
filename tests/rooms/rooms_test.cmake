# Shows that the direction of dependencies is enforced: with the include paths of a room, the
# compiler finds the headers of the rooms below it, and no header of any other room.
#
#   cmake -DPATHS=… -DSOURCE=… -DCXX=… -P rooms_test.cmake
#
# PATHS is a file that sets paths_ROOM for every room, and paths_user for users of the library.
include(${PATHS})

# Preprocesses `text` as a source of the room.
function(preprocess room text result output)
  set(source ${SCRATCH}/probe.cc)
  file(WRITE ${source} "${text}")
  list(TRANSFORM paths_${room} PREPEND -I OUTPUT_VARIABLE flags)
  execute_process(COMMAND ${CXX} -std=c++20 -E -P ${flags} ${source}
                  RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE error)
  set(${result} ${status} PARENT_SCOPE)
  set(${output} "${out}${error}" PARENT_SCOPE)
endfunction()

function(may room)
  foreach(header ${ARGN})
    preprocess(${room} "#include \"${header}\"\n" status output)
    if(NOT status EQUAL 0)
      message(SEND_ERROR "${room} cannot include ${header}:\n${output}")
    endif()
  endforeach()
endfunction()

# Of every header in the folders.
function(must_not room)
  set(text "")
  foreach(folder ${ARGN})
    file(GLOB headers RELATIVE ${SOURCE} ${SOURCE}/${folder}/*.h)
    if(NOT headers)
      message(FATAL_ERROR "${folder} has no headers: this test no longer tests what it says")
    endif()
    foreach(header ${headers})
      string(REGEX REPLACE "^(src|include)/" "" header ${header})
      string(APPEND text "#if __has_include(\"${header}\")\nfinds ${header}\n#endif\n")
    endforeach()
  endforeach()
  preprocess(${room} "${text}" status output)
  if(NOT status EQUAL 0 OR output MATCHES "finds")
    message(SEND_ERROR "${room} must not see this:\n${output}")
  endif()
endfunction()

may(schedule schedule/verify.h base/check.h)
may(algorithms algorithms/catalog.h schedule/schedule.h)
may(shm transports/transport.h bootstrap/bootstrap.h files/handover.h)
may(ucx transports/transport.h bootstrap/exchange.h)
may(joint transports/heartbeat/heartbeat.h transports/transport.h)
may(cuda_p2p device/device.h bootstrap/bootstrap.h)
may(executor executor/cpu/kernels.h schedule/schedule.h transports/transport.h)
may(communicator algorithms/catalog.h bootstrap/bootstrap.h plan/plan.h transports/shm/shm.h)
may(studio algorithms/catalog.h simulator/simulate.h topology/graph.h)
may(user tutti/tutti.h)

must_not(base src/schedule transports)
must_not(schedule algorithms transports src/executor src/executor/cpu src/bootstrap)
must_not(algorithms transports src/executor src/executor/cpu src/bootstrap)
must_not(plan algorithms transports src/executor src/executor/cpu)
must_not(topology transports src/schedule algorithms src/bootstrap)
must_not(simulator algorithms transports src/executor src/executor/cpu src/tuner)
must_not(tuner transports src/executor src/executor/cpu)
must_not(studio transports src/executor src/executor/cpu src/tuner src/communicator src/cli)
must_not(pipeline src/schedule src/topology src/tuner)
must_not(planner transports src/executor src/communicator src/studio src/cli)
must_not(transport src/schedule transports/shm transports/ucx transports/inproc)
must_not(shm transports/ucx transports/heartbeat transports/inproc src/schedule src/executor)
must_not(ucx transports/shm transports/heartbeat transports/joint src/schedule src/executor)
must_not(files transports src/bootstrap src/device)
must_not(device transports src/schedule src/bootstrap)
must_not(cuda_p2p transports transports/shm transports/ucx src/schedule src/executor)
must_not(joint transports/shm transports/ucx src/schedule src/executor)
must_not(inproc transports/shm transports/ucx src/schedule src/executor)
must_not(bootstrap transports src/schedule)
must_not(executor algorithms transports/shm transports/ucx transports/inproc src/communicator)
must_not(communicator transports/inproc src/cli)
must_not(nccl src/base src/schedule algorithms transports src/executor src/communicator src/device)
must_not(user src/base src/schedule algorithms transports src/executor src/communicator)

# What that means for somebody who tries.
preprocess(schedule "#include \"transports/transport.h\"\n" status output)
if(status EQUAL 0 OR NOT output MATCHES "No such file or directory")
  message(SEND_ERROR "a forbidden include does not fail:\n${output}")
endif()

# Rooms that do not see each other's headers are linked into one library: a type of the same name in
# two of them would be one type to the linker, with the members of whichever it takes.
file(GLOB_RECURSE headers ${SOURCE}/src/*.h ${SOURCE}/transports/*.h ${SOURCE}/algorithms/*.h
     ${SOURCE}/include/*.h)
# The command is a program of its own; kernels are templates over types that nobody else sees.
list(FILTER headers EXCLUDE REGEX "/src/cli/|/kernels_")
set(words "TUTTI_API |alignas\\([^)]*\\) |\\[\\[nodiscard\\]\\] ")
foreach(header ${headers})
  file(STRINGS ${header} spaces REGEX "^ *(inline )?namespace ")
  if(NOT spaces STREQUAL "namespace tutti {")
    continue()
  endif()
  file(STRINGS ${header} types REGEX "^(struct|class|enum class) (${words})*[A-Za-z0-9_]+ [^;]*{")
  foreach(type ${types})
    string(REGEX REPLACE "^(struct|class|enum class) (${words})*([A-Za-z0-9_]+) .*" "\\3"
           type "${type}")
    if(DEFINED home_of_${type})
      message(SEND_ERROR "tutti::${type} is defined twice: ${home_of_${type}} and ${header}")
    endif()
    set(home_of_${type} ${header})
  endforeach()
endforeach()
if(NOT DEFINED home_of_Schedule OR NOT DEFINED home_of_Topology)
  message(SEND_ERROR "types are no longer found: this test no longer tests what it says")
endif()
