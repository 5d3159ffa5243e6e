# What every target shares: dialect, warnings, sanitizers, and the three functions in which the
# folders' own lists are written.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)          # gnu17
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# No NDEBUG: an assertion that holds in tests only protects nobody's ledger.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
# Programs stand at the top of the build folder: build/release/zhengban.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")

set(ZB_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")
option(ZB_FUZZ "Build the libFuzzer targets (clang only)" OFF)

# A second build folder costs little when the compiler remembers the first.
find_program(ZB_CCACHE ccache)
if(ZB_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
    set(CMAKE_C_COMPILER_LAUNCHER "${ZB_CCACHE}")
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(RPM REQUIRED IMPORTED_TARGET rpm)
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

# Criterion 2.4's own macros narrow an int to a bit field, in whatever file uses them.
add_library(zb_criterion INTERFACE)
target_link_libraries(zb_criterion INTERFACE zb_warnings PkgConfig::CRITERION)
target_compile_options(zb_criterion INTERFACE -Wno-conversion)

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

# What `./dev tsan` and `./dev fuzz` build, so that they need not build everything.
add_custom_target(zb_plain_tests)
add_custom_target(zb_fuzzers)

# zb_test(unit.base.arena SOURCES test_arena.c DEPS zb_base)
# One Criterion program = one ctest entry, labelled "criterion". PLAIN leaves Criterion out (race
# tests, simulations), labelled "plain": only these run under ThreadSanitizer. A plain program
# exits 0 (passed), 77 (skipped, saying why) or anything else (failed).
function(zb_test name)
    cmake_parse_arguments(ARG "PLAIN" "TIMEOUT" "SOURCES;DEPS;ARGS" ${ARGN})
    string(REPLACE "." "_" target "test.${name}")
    add_executable(${target} ${ARG_SOURCES})
    target_link_libraries(${target} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
    set_target_properties(${target} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    set(env "ZB_SOURCE_DIR=${CMAKE_SOURCE_DIR}" "ZB_BINARY_DIR=${CMAKE_BINARY_DIR}")
    if(ARG_PLAIN)
        set(label plain)
        add_dependencies(zb_plain_tests ${target})
    else()
        set(label criterion)
        target_link_libraries(${target} PRIVATE zb_criterion)
        # Level 1 names the skipped tests and their reasons; `./dev test` counts them.
        list(APPEND env "CRITERION_VERBOSITY_LEVEL=1")
    endif()
    add_test(NAME ${name} COMMAND ${target} ${ARG_ARGS})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
                         LABELS ${label} ENVIRONMENT "${env}")
endfunction()

# zb_script_test(tree.boundaries COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/boundaries.py)
# A script as a ctest entry, run from the source folder. LABEL "tree" (the default) is for checks
# of the text itself: a sanitizer build leaves them out, they would say the same again.
# LABEL "e2e" is for scripts that start our programs. Exit status as for PLAIN.
function(zb_script_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT;LABEL" "COMMAND" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    if(NOT ARG_LABEL)
        set(ARG_LABEL tree)
    endif()
    add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
        LABELS ${ARG_LABEL}
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
        add_dependencies(zb_fuzzers fuzz_${name})
    else()
        add_executable(replay_${name} ${ARG_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c")
        target_link_libraries(replay_${name} PRIVATE zb_flags zb_warnings ${ARG_DEPS})
        set_target_properties(replay_${name} PROPERTIES
                              RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
        add_test(NAME fuzz.${name}
                 COMMAND replay_${name} "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}")
        set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS replay)
    endif()
endfunction()
