# The trainers on GPUs: kernels/device/*.cu compiled by nvcc, CUDA's runtime as a part of the program,
# cuBLASLt's header (the library is opened at run time). By the rules of cmake/cuda.cmake; where
# something is missing everything is built without, and opening a GPU says so.
#
# Code is made for GPUs of 2020 (sm_80) and 2022 (sm_90), and PTX for later ones of what the second is
# made of. What ptxas says of the kernels is kept for scripts/check_kernels.
set(why_no_gpu "")
if(NOT TUTTI_HAS_KERNELS)
  set(why_no_gpu "no nvcc")
else()
  get_filename_component(toolkit ${TUTTI_NVCC} REALPATH)
  get_filename_component(toolkit ${toolkit}/../.. ABSOLUTE)
  set(targets ${toolkit}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux)
  find_path(TUTTI_CUDA_INCLUDE cublasLt.h HINTS ${toolkit}/include ${targets}/include
            DOC "The folder of CUDA's cublasLt.h")
  find_library(TUTTI_CUDART_STATIC cudart_static HINTS ${toolkit}/lib64 ${targets}/lib
               DOC "CUDA's runtime, libcudart_static.a")
  mark_as_advanced(TUTTI_CUDA_INCLUDE TUTTI_CUDART_STATIC)
  if(NOT TUTTI_CUDA_INCLUDE)
    set(why_no_gpu "no cublasLt.h in ${toolkit}")
  elseif(NOT TUTTI_CUDART_STATIC)
    set(why_no_gpu "no libcudart_static.a in ${toolkit}")
  endif()
endif()
if(why_no_gpu)
  message(STATUS "No GPUs for the trainers: ${why_no_gpu}")
  target_sources(tutti_train PRIVATE device/without_cuda.cc)
  return()
endif()

set(objects_folder ${CMAKE_BINARY_DIR}/cuda/train)
file(MAKE_DIRECTORY ${objects_folder})
file(GLOB kernels CONFIGURE_DEPENDS device/cuda/*.cu kernels/device/*.cu)
foreach(source ${kernels})
  get_filename_component(name ${source} NAME_WE)
  set(output ${objects_folder}/${name})
  add_custom_command(
    OUTPUT ${output}.o
    BYPRODUCTS ${output}.ptxas
    COMMAND ${CMAKE_COMMAND} -DLOG=${output}.ptxas -P ${CMAKE_SOURCE_DIR}/cmake/nvcc.cmake --
            ${TUTTI_NVCC} -c -std=c++20 -O3 --expt-relaxed-constexpr
            -allow-unsupported-compiler -ccbin ${CMAKE_CXX_COMPILER}
            -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
            -Xptxas -v -Xfatbin -compress-all -Xcompiler -fPIC,-fvisibility=hidden
            -DTUTTI_TRAIN_CUDA -I${CMAKE_SOURCE_DIR}/include -I${CMAKE_SOURCE_DIR}/examples
            -MD -MF ${output}.d -MT ${output}.o -o ${output}.o ${source}
    DEPENDS ${source} ${CMAKE_SOURCE_DIR}/cmake/nvcc.cmake
    DEPFILE ${output}.d
    COMMENT "Compiling ${name}.cu for GPUs"
    VERBATIM)
  target_sources(tutti_train PRIVATE ${output}.o)
  set_source_files_properties(${output}.o PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
endforeach()

file(GLOB with_cuda CONFIGURE_DEPENDS device/cuda/*.cc)
target_sources(tutti_train PRIVATE ${with_cuda})
get_filename_component(cuda_libraries ${TUTTI_CUDART_STATIC} DIRECTORY)
set_source_files_properties(device/cuda/cublas_lt.cc PROPERTIES
                            COMPILE_DEFINITIONS TUTTI_TRAIN_CUDA_LIBRARIES="${cuda_libraries}")
target_compile_definitions(tutti_train PUBLIC TUTTI_TRAIN_CUDA)
target_include_directories(tutti_train SYSTEM PRIVATE ${TUTTI_CUDA_INCLUDE})
target_link_libraries(tutti_train PRIVATE ${TUTTI_CUDART_STATIC} rt Threads::Threads ${CMAKE_DL_LIBS})
