# What files of other projects are read with; after its room. JSON is headers only; XML is read as in
# topology.cmake.
find_package(nlohmann_json REQUIRED)
target_link_libraries(tutti_studio PRIVATE nlohmann_json::nlohmann_json)
target_include_directories(tutti_studio SYSTEM PRIVATE ${TUTTI_PUGIXML_INCLUDE})
target_link_libraries(tutti_planner PRIVATE nlohmann_json::nlohmann_json)  # models of others
