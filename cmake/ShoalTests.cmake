# unit_tests      src/<layer>/*_test.cpp, one program
# <name>_test     tests/<name>_test.cpp, a program each, with the main of tests/support/main.cpp
# header_checks   each public header, compiled alone
#
# Each test has one label, for `ctest -L`: unit; system, or threads where its source includes
# <thread>; tests/chaos/ adds chaos and soak (which only `make soak` runs), tests/scale/ has its small
# run in system and the large one in soak.

if(EXISTS "${PROJECT_SOURCE_DIR}/tests/chaos/CMakeLists.txt")
  add_subdirectory(tests/chaos)
endif()

add_subdirectory(tests/scale)

# What is measured and killed is built optimised; the rest is built by other presets.
if(NOT SHOAL_GTESTS)
  return()
endif()

find_package(GTest REQUIRED)
find_package(rapidcheck CONFIG QUIET)
include(GoogleTest)

set(SHOAL_TEST_TIMEOUT 120 CACHE STRING "Seconds that a single test may take")
mark_as_advanced(SHOAL_TEST_TIMEOUT)

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.cpp)
list(FILTER support_sources EXCLUDE REGEX "/main\\.cpp$")
if(support_sources)
  add_library(test_support STATIC ${support_sources})
  set(test_support_scope PUBLIC)
  shoal_defaults(test_support)
else()
  add_library(test_support INTERFACE)
  set(test_support_scope INTERFACE)
endif()
target_include_directories(
  test_support ${test_support_scope} "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
target_compile_definitions(
  test_support ${test_support_scope} SHOAL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(test_support ${test_support_scope} shoal::shoal GTest::gtest)
if(TARGET rapidcheck)
  target_link_libraries(test_support ${test_support_scope} rapidcheck)
  target_compile_definitions(test_support ${test_support_scope} SHOAL_HAS_RAPIDCHECK=1)
else()
  find_library(shoal_rapidcheck rapidcheck)
  if(shoal_rapidcheck)
    target_link_libraries(test_support ${test_support_scope} ${shoal_rapidcheck})
    target_compile_definitions(test_support ${test_support_scope} SHOAL_HAS_RAPIDCHECK=1)
  else()
    message(STATUS "shoal: RapidCheck was not found; tests of properties are left out")
  endif()
endif()

# shoal_gtest(<target> <label>): what every test program has in common. Not optimised: the library
# is, and these take longer to compile than to run.
function(shoal_gtest target label)
  shoal_defaults(${target})
  target_compile_options(${target} PRIVATE -O0)
  target_link_libraries(${target} PRIVATE test_support)
  gtest_discover_tests(
    ${target}
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${SHOAL_TEST_TIMEOUT} LABELS ${label})
endfunction()

file(GLOB_RECURSE unit_test_sources CONFIGURE_DEPENDS src/*_test.cpp)
if(unit_test_sources)
  add_executable(unit_tests ${unit_test_sources})
  target_link_libraries(unit_tests PRIVATE GTest::gtest_main)
  shoal_gtest(unit_tests unit)
endif()

add_library(test_main OBJECT tests/support/main.cpp)
shoal_defaults(test_main)
target_link_libraries(test_main PRIVATE test_support)

file(GLOB system_test_sources CONFIGURE_DEPENDS tests/*_test.cpp)
foreach(source IN LISTS system_test_sources)
  cmake_path(GET source STEM name)
  add_executable(${name} ${source} $<TARGET_OBJECTS:test_main>)
  file(STRINGS ${source} includes_thread REGEX "^#include <thread>")
  if(includes_thread)
    shoal_gtest(${name} threads)
  else()
    shoal_gtest(${name} system)
  endif()
endforeach()

add_subdirectory(tests/readme)
add_subdirectory(tests/interop)

# Each public header compiles alone, with nothing but the public headers in sight.
set(header_check_sources)
foreach(header IN LISTS shoal_headers)
  string(MAKE_C_IDENTIFIER "${header}" name)
  set(source "${PROJECT_BINARY_DIR}/header_checks/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#include <${header}>\n#include <${header}>\n")
  list(APPEND header_check_sources "${source}")
endforeach()
if(header_check_sources)
  add_library(header_checks OBJECT EXCLUDE_FROM_ALL ${header_check_sources})
  target_compile_features(header_checks PRIVATE cxx_std_20)
  target_include_directories(header_checks PRIVATE include)
  shoal_defaults(header_checks)
endif()
