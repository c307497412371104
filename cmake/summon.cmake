# Functions that every folder's CMakeLists.txt uses, and the flags that every target of ours has.

option(SUMMON_WERROR "Treat warnings as errors" ON)
set(SUMMON_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)  # SUMMON_TRY is a GNU statement expression
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")  # checks are SUMMON_CHECK, always on
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
if(CMAKE_PROJECT_NAME STREQUAL "summon")
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endif()

add_library(summon_flags INTERFACE)
target_include_directories(summon_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(summon_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough
  -Wno-missing-field-initializers  # designated initializers name what they set, on purpose
  # GCC 12 sees uninitialized members in moved std::variants that hold other alternatives.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<BOOL:${SUMMON_WERROR}>:-Werror>)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(summon_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
  target_link_options(summon_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(SUMMON_SANITIZE)
  target_compile_options(summon_flags INTERFACE
    -fsanitize=${SUMMON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(summon_flags INTERFACE -fsanitize=${SUMMON_SANITIZE})
endif()
# libFuzzer sees what the libraries do only when they count their edges too.
option(SUMMON_FUZZ "Also build libFuzzer targets (clang, with sanitizers)" OFF)
if(SUMMON_FUZZ AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(summon_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

# Adds FOLDER when it has a CMakeLists.txt of its own.
function(summon_add_folder folder)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${folder})
  endif()
endfunction()

# summon_library(NAME SOURCES a.cc ... [DEPS summon_base ...]): one static library for one folder.
function(summon_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC summon_flags ${ARG_DEPS})
endfunction()

# summon_program(NAME SOURCES main.cc ... [DEPS ...] [STATIC]): an executable in <build>/bin.
# STATIC links everything in (static PIE), for programs that are exec'd on the hot path.
function(summon_program name)
  cmake_parse_arguments(ARG "STATIC" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE summon_flags ${ARG_DEPS})
  if(ARG_STATIC AND NOT SUMMON_SANITIZE)
    # Left to itself CMake adds -pie, which overrules -static-pie: unset the property, and say both.
    set_property(TARGET ${name} PROPERTY POSITION_INDEPENDENT_CODE)
    target_compile_options(${name} PRIVATE -fPIE)
    target_link_options(${name} PRIVATE -static-pie)
  endif()
endfunction()

# summon_test(NAME SOURCES x_test.cc ... DEPS ... LABELS unit [TIMEOUT seconds] [ARGS ...] [SERIAL]):
# a GoogleTest program that CTest runs as one test. LABELS say what it needs: unit, sim, fuzz, net,
# kvm, process, long. SERIAL tests never run beside another one (they measure, or own a device).
function(summon_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;DEPS;LABELS;ARGS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE summon_flags ${ARG_DEPS} GTest::gtest GTest::gmock
    GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# summon_fuzzer(NAME SOURCE x_fuzz.cc CORPUS dir DEPS ... [MUTATOR y.cc]): SOURCE defines
# LLVMFuzzerTestOneInput, and MUTATOR, which only libFuzzer runs, LLVMFuzzerCustomMutator.
# CTest replays the corpus with a plain driver under any compiler; with clang and
# -DSUMMON_FUZZ=ON the target <NAME>_libfuzzer explores with coverage guidance.
function(summon_fuzzer name)
  cmake_parse_arguments(ARG "" "SOURCE;MUTATOR;CORPUS" "DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCE} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cc)
  target_link_libraries(${name} PRIVATE summon_flags ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} ${ARG_CORPUS})
  set_tests_properties(${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 300)
  if(SUMMON_FUZZ AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_executable(${name}_libfuzzer ${ARG_SOURCE} ${ARG_MUTATOR})
    target_compile_options(${name}_libfuzzer PRIVATE -fsanitize=fuzzer)
    target_link_options(${name}_libfuzzer PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name}_libfuzzer PRIVATE summon_flags ${ARG_DEPS})
  endif()
endfunction()

# summon_proto(NAME file.proto): a static library of the messages in a .proto of this folder. They
# are included as "<folder>/<file>.pb.h". Generated code does not follow our warnings.
function(summon_proto name proto)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE folder)
  string(REPLACE ".proto" ".pb" stem ${proto})
  set(generated ${CMAKE_BINARY_DIR}/${folder}/${stem})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
  add_custom_command(
    OUTPUT ${generated}.cc ${generated}.h
    COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR} --cpp_out=${CMAKE_BINARY_DIR}
            ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
  add_library(${name} STATIC ${generated}.cc ${generated}.h)
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
endfunction()
