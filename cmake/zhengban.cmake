# What every target shares: dialect, warnings, sanitizers, and the three functions in which the
# folders' own lists are written.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)          # gnu17
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Programs stand at the top of the build folder: build/release/zhengban.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

set(ZB_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")
option(ZB_FUZZ "Build the libFuzzer targets (clang only)" OFF)

find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)

add_library(zb_flags INTERFACE)
target_include_directories(zb_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(zb_flags INTERFACE _GNU_SOURCE
                           ZB_VERSION="${PROJECT_VERSION}")
if(ZB_SANITIZE)
    target_compile_options(zb_flags INTERFACE -fsanitize=${ZB_SANITIZE}
                           -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(zb_flags INTERFACE -fsanitize=${ZB_SANITIZE})
endif()
if(ZB_FUZZ)
    target_compile_options(zb_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

add_library(zb_warnings INTERFACE)
target_compile_options(zb_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror
                       -Wstrict-prototypes -Wmissing-prototypes -Wvla)

# zb_library(NAME SOURCES a.c b.c DEPS zb_base PkgConfig::LMDB)
# A folder's library, named zb_<folder>. DEPS are PUBLIC, so the link order follows the layers.
function(zb_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC zb_flags ${ARG_DEPS} PRIVATE zb_warnings)
endfunction()

# zb_program(NAME SOURCES main.c DEPS zb_collector)
function(zb_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# zb_test(unit.base.arena SOURCES test_arena.c DEPS zb_base)
# One Criterion program = one ctest entry. PLAIN leaves Criterion out (race tests, simulations).
function(zb_test name)
    cmake_parse_arguments(ARG "PLAIN" "TIMEOUT" "SOURCES;DEPS;ARGS" ${ARGN})
    string(REPLACE "." "_" target "test.${name}")
    add_executable(${target} ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
    set_target_properties(${target} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    if(NOT ARG_PLAIN)
        target_link_libraries(${target} PRIVATE PkgConfig::CRITERION)
    endif()
    add_test(NAME ${name} COMMAND ${target} ${ARG_ARGS})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
        ENVIRONMENT "ZB_SOURCE_DIR=${CMAKE_SOURCE_DIR};ZB_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# zb_fuzz(row SOURCES fuzz_row.c DEPS zb_proto)
# With ZB_FUZZ a libFuzzer program; always a plain replay of the committed corpus
# (tests/fuzz/corpus/<name>/), so that every compiler and sanitizer sees it in ctest.
function(zb_fuzz name)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
    if(ZB_FUZZ)
        add_executable(fuzz_${name} ${ARG_SOURCES})
        target_link_libraries(fuzz_${name} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(replay_${name} ${ARG_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c")
        target_link_libraries(replay_${name} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
        set_target_properties(replay_${name} PROPERTIES
                              RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
        add_test(NAME fuzz.${name}
                 COMMAND replay_${name} "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}")
    endif()
endfunction()
