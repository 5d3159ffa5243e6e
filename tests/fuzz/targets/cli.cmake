zb_fuzz(year_file SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_year_file.c DEPS zb_cli)
