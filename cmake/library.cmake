# The library that users link: the objects of every room in one shared object.
get_property(rooms GLOBAL PROPERTY TUTTI_ROOMS)
add_library(tutti SHARED)
add_library(tutti::tutti ALIAS tutti)
foreach(room ${rooms})
  target_sources(tutti PRIVATE $<TARGET_OBJECTS:${room}>)
endforeach()
target_include_directories(tutti PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
                                        $<INSTALL_INTERFACE:include>)
target_link_libraries(tutti PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
set_target_properties(tutti PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX)
