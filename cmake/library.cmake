# The library that users link: the objects of every room in one shared object; how it is installed,
# and how others find it (find_package, pkg-config). Tested by tests/install.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY TUTTI_ROOMS)
add_library(tutti SHARED)
add_library(tutti::tutti ALIAS tutti)
foreach(room ${rooms})
  target_sources(tutti PRIVATE $<TARGET_OBJECTS:${room}>)
endforeach()
target_include_directories(tutti PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>
                                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(tutti INTERFACE cxx_std_20)
target_link_libraries(tutti PRIVATE Threads::Threads ${CMAKE_DL_LIBS} ${TUTTI_PUGIXML})
target_link_options(tutti PRIVATE -Wl,--exclude-libs,ALL)
set_target_properties(tutti PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE CXX)
# Programs find the library beside themselves, wherever the installation is moved.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

install(TARGETS tutti EXPORT tutti LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/tutti DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# find_package(tutti). Versions below 1.0 promise nothing to each other beyond the minor number.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tutti)
install(EXPORT tutti NAMESPACE tutti:: FILE tutti-config.cmake DESTINATION ${package_dir})
write_basic_package_version_file(tutti-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tutti-config-version.cmake DESTINATION ${package_dir})

# pkg-config. Paths are relative to the file, so that an installation can be moved.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH to_prefix /${pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
configure_file(cmake/tutti.pc.in tutti.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tutti.pc DESTINATION ${pkgconfig_dir})
