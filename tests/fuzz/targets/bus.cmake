zb_fuzz(slip SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_slip.c DEPS zb_bus)
