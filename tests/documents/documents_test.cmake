# Keeps the documents true where a script can: the README's example is the program that is compiled
# and run, its header guide names every header, and every link leads to a file.
#
#   cmake -DSOURCE=… -P documents_test.cmake

file(READ ${SOURCE}/README.md readme)
file(READ ${SOURCE}/examples/00_readme.cc example)
string(FIND "${readme}" "```cpp\n${example}```\n" at)
if(at EQUAL -1)
  message(SEND_ERROR "README.md does not show examples/00_readme.cc as it is")
endif()

file(GLOB headers RELATIVE ${SOURCE}/include ${SOURCE}/include/tutti/*.h)
foreach(header ${headers})
  string(FIND "${readme}" "(include/${header})" at)
  if(at EQUAL -1)
    message(SEND_ERROR "README.md's header guide lacks ${header}")
  endif()
endforeach()

file(GLOB documents ${SOURCE}/*.md ${SOURCE}/docs/*.md)
set(links_seen 0)
foreach(document ${documents})
  get_filename_component(folder ${document} DIRECTORY)
  file(READ ${document} text)
  # Square brackets and semicolons mean something to CMake lists.
  string(REPLACE "](" "<link>" text "${text}")
  string(REGEX REPLACE "[][;]" " " text "${text}")
  string(REGEX MATCHALL "<link>[^() #]+" links "${text}")
  foreach(link ${links})
    string(REPLACE "<link>" "" link "${link}")
    if(link MATCHES "^https?:")
      continue()
    endif()
    math(EXPR links_seen "${links_seen} + 1")
    if(NOT EXISTS ${folder}/${link})
      message(SEND_ERROR "${document} links to ${link}, which is not there")
    endif()
  endforeach()
endforeach()
if(links_seen LESS 10)
  message(SEND_ERROR "only ${links_seen} links found: the search for links is broken")
endif()
