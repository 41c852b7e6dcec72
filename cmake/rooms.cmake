# tutti_room(NAME FOLDER [DEPENDS…]): one room of the house, as a static library.
#
# Sources are all *.cc below the folder. Headers are reached through a tree of links that holds this
# room only, so that including a room that is not named as a dependency fails to compile: the
# direction of dependencies is not a convention.
function(tutti_room name folder)
  cmake_parse_arguments(ARG "" "" "HEADERS_AND" ${ARGN})
  if(ARG_HEADERS_AND)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${ARG_HEADERS_AND})
  else()
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cc)
  endif()

  # src/schedule is included as "schedule/…", transports/shm as "transports/shm/…".
  string(REGEX REPLACE "^src/" "" spelled ${folder})
  set(tree ${CMAKE_BINARY_DIR}/rooms/${name})
  get_filename_component(parent ${tree}/${spelled} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  if(ARG_HEADERS_AND)
    # A room beside sub-rooms: link its headers one by one.
    file(MAKE_DIRECTORY ${tree}/${spelled})
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.h)
    foreach(header ${headers})
      get_filename_component(leaf ${header} NAME)
      file(CREATE_LINK ${header} ${tree}/${spelled}/${leaf} SYMBOLIC)
    endforeach()
  else()
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${tree}/${spelled} SYMBOLIC)
  endif()

  if(sources)
    add_library(tutti_${name} STATIC ${sources})
    set(scope PUBLIC)
    set_property(GLOBAL APPEND PROPERTY TUTTI_ROOMS tutti_${name})
  else()
    add_library(tutti_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(tutti_${name} ${scope} ${tree} ${CMAKE_SOURCE_DIR}/include)
  foreach(dependency ${ARG_UNPARSED_ARGUMENTS})
    target_link_libraries(tutti_${name} ${scope} tutti_${dependency})
  endforeach()
endfunction()
