# Shows that the direction of dependencies is enforced: with the include paths of a room, headers of
# the rooms below it compile and headers of any other room are not found.
#
#   cmake -DPATHS=… -DSOURCE=… -DCXX=… -P rooms_test.cmake
#
# PATHS is a file that sets paths_ROOM for every room, and paths_user for users of the library.
include(${PATHS})

# Whether a source of the room that includes `header` compiles; otherwise `error` says why not.
function(includes room header result error)
  set(source ${SCRATCH}/probe.cc)
  file(WRITE ${source} "#include \"${header}\"\n")
  list(TRANSFORM paths_${room} PREPEND -I OUTPUT_VARIABLE flags)
  execute_process(COMMAND ${CXX} -std=c++20 -fsyntax-only ${flags} ${source}
                  RESULT_VARIABLE status ERROR_VARIABLE message)
  set(${result} ${status} PARENT_SCOPE)
  set(${error} "${message}" PARENT_SCOPE)
endfunction()

# `folder` as it stands in the source tree; every header in it must be there to be included.
function(headers_of folder result)
  file(GLOB headers RELATIVE ${SOURCE} ${SOURCE}/${folder}/*.h)
  if(NOT headers)
    message(FATAL_ERROR "${folder} has no headers: this test no longer tests what it says")
  endif()
  list(TRANSFORM headers REPLACE "^(src|include)/" "")
  set(${result} ${headers} PARENT_SCOPE)
endfunction()

function(may room folder)
  headers_of(${folder} headers)
  foreach(header ${headers})
    includes(${room} ${header} status error)
    if(NOT status EQUAL 0)
      message(SEND_ERROR "${room} cannot include ${header}:\n${error}")
    endif()
  endforeach()
endfunction()

function(must_not room)
  foreach(folder ${ARGN})
    headers_of(${folder} headers)
    foreach(header ${headers})
      includes(${room} ${header} status error)
      if(status EQUAL 0)
        message(SEND_ERROR "${room} can include ${header}")
      elseif(NOT error MATCHES "No such file or directory")
        message(SEND_ERROR "${room} fails on ${header} for another reason:\n${error}")
      endif()
    endforeach()
  endforeach()
endfunction()

may(schedule src/schedule)
may(algorithms src/schedule)
may(executor transports)
may(shm transports)
may(communicator transports/shm)
may(user include/tutti)

must_not(base src/schedule transports)
must_not(schedule algorithms transports src/executor/cpu src/bootstrap)
must_not(algorithms transports src/executor/cpu src/bootstrap)
must_not(tuner transports src/executor/cpu)
must_not(transport src/schedule transports/shm transports/inproc)
must_not(shm transports/inproc src/schedule)
must_not(inproc transports/shm src/schedule)
must_not(bootstrap transports src/schedule)
must_not(executor algorithms transports/shm transports/inproc src/bootstrap)
must_not(user src/base src/schedule algorithms transports src/communicator)
