# Kernels for NVIDIA's GPUs, compiled by nvcc and embedded in the executor's room; after its room.
# Nothing else of CUDA is needed: the driver is looked for at run time. Without nvcc the library is
# the same but for the kernels, and says so when a device is opened.
#
# Each *.cu becomes a fatbin, with code for GPUs of 2020 (sm_80) and 2022 (sm_90), and PTX from which
# the driver makes code for later ones. What ptxas says of them, and the PTX, is kept for
# scripts/check_kernels.
set(TUTTI_CUDA AUTO CACHE STRING "Kernels for GPUs: ON, OFF, or AUTO: when there is an nvcc of CUDA \
12 or later, and no sanitizer")
set_property(CACHE TUTTI_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT TUTTI_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "TUTTI_CUDA is '${TUTTI_CUDA}': expected AUTO, ON or OFF")
endif()

# Sets `why_not` to what keeps nvcc from being used, or "".
function(tutti_find_nvcc why_not)
  find_program(TUTTI_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin
               PATHS /usr/local/cuda/bin DOC "NVIDIA's compiler")
  set(${why_not} "" PARENT_SCOPE)
  if(NOT TUTTI_NVCC)
    set(${why_not} "no nvcc on PATH, in CUDA_HOME or in /usr/local/cuda" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${TUTTI_NVCC} --version OUTPUT_VARIABLE version ERROR_QUIET)
  string(REGEX MATCH "release ([0-9.]+)" version "${version}")
  if(CMAKE_MATCH_1 VERSION_LESS 12.0)
    set(${why_not} "${TUTTI_NVCC} says '${version}', expected CUDA 12.0 or later" PARENT_SCOPE)
  endif()
endfunction()

# Sets `options` to the architectures to compile for: the last as PTX.
function(tutti_cuda_architectures options)
  execute_process(COMMAND ${TUTTI_NVCC} --list-gpu-arch OUTPUT_VARIABLE known)
  set(latest 90)
  if(known MATCHES "compute_100")
    set(latest 100)
  endif()
  set(${options} -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90
                 -gencode arch=compute_${latest},code=compute_${latest} PARENT_SCOPE)
endfunction()

set(no_cuda "")
if(TUTTI_CUDA STREQUAL "OFF")
  set(no_cuda "TUTTI_CUDA is OFF")
elseif(TUTTI_CUDA STREQUAL "AUTO" AND TUTTI_SANITIZE)
  set(no_cuda "sanitizers do not see into GPUs")
else()
  tutti_find_nvcc(no_cuda)
endif()
if(no_cuda AND TUTTI_CUDA STREQUAL "ON")
  message(FATAL_ERROR "TUTTI_CUDA is ON, but ${no_cuda}")
endif()

set(cuda_folder ${CMAKE_BINARY_DIR}/cuda)
set(fatbins "")
set(TUTTI_HAS_KERNELS FALSE)
if(no_cuda)
  message(STATUS "No kernels for GPUs: ${no_cuda}")
else()
  set(TUTTI_HAS_KERNELS TRUE)
  tutti_cuda_architectures(cuda_architectures)
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/executor/cuda/*.cu)
  foreach(source ${cuda_sources})
    get_filename_component(name ${source} NAME_WE)
    set(output ${cuda_folder}/${name})
    file(MAKE_DIRECTORY ${output})
    # -fmad=false: a product that feeds a sum is rounded, as on the CPU. Only code for GPUs is made,
    # so it does not matter what nvcc thinks of the C++ compiler.
    add_custom_command(
      OUTPUT ${output}.fatbin
      BYPRODUCTS ${output}.ptxas
      COMMAND ${CMAKE_COMMAND} -DLOG=${output}.ptxas -P ${CMAKE_SOURCE_DIR}/cmake/nvcc.cmake --
              ${TUTTI_NVCC} -fatbin -std=c++20 -O3 --expt-relaxed-constexpr -fmad=false
              -allow-unsupported-compiler -ccbin ${CMAKE_CXX_COMPILER} ${cuda_architectures}
              -Xptxas -v -Xfatbin -compress-all --keep --keep-dir ${output} -MD -MF ${output}.d -MT ${output}.fatbin
              "-I$<JOIN:$<TARGET_PROPERTY:tutti_executor,INTERFACE_INCLUDE_DIRECTORIES>,;-I>"
              -o ${output}.fatbin ${source}
      DEPENDS ${source} ${CMAKE_SOURCE_DIR}/cmake/nvcc.cmake
      DEPFILE ${output}.d
      COMMENT "Compiling ${name}.cu for GPUs"
      COMMAND_EXPAND_LISTS VERBATIM)
    list(APPEND fatbins ${output}.fatbin)
  endforeach()
endif()

# The fatbins as bytes of the library, and where they are.
set(TUTTI_FATBIN_DATA "")
set(TUTTI_FATBIN_SPANS "")
set(i 0)
foreach(fatbin ${fatbins})
  string(APPEND TUTTI_FATBIN_DATA "TUTTI_EMBED(tutti_fatbin_${i}, \"${fatbin}\")\n")
  string(APPEND TUTTI_FATBIN_SPANS
         "    {tutti_fatbin_${i}, tutti_fatbin_${i}_end},\n")
  math(EXPR i "${i} + 1")
endforeach()
set(TUTTI_FATBIN_COUNT ${i})
configure_file(${CMAKE_SOURCE_DIR}/cmake/fatbins.cc.in ${cuda_folder}/fatbins.cc @ONLY)
set_source_files_properties(${cuda_folder}/fatbins.cc PROPERTIES OBJECT_DEPENDS "${fatbins}")
target_sources(tutti_executor PRIVATE ${cuda_folder}/fatbins.cc)
