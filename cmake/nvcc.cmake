# Runs nvcc, and keeps what it and ptxas say: a file where all is well, the console otherwise.
#
#   cmake -DLOG=file -P nvcc.cmake -- NVCC OPTIONS…
cmake_policy(VERSION 3.25)
set(command "")
foreach(i RANGE 1 ${CMAKE_ARGC})
  if(started)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(started TRUE)
  endif()
endforeach()
list(REMOVE_ITEM command "")
execute_process(COMMAND ${command} OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE result)
file(WRITE ${LOG} "${said}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nvcc failed (${result}):\n${said}")
endif()
