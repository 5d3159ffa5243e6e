zb_fuzz(apply SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_apply.c DEPS zb_ledger zb_test_memory_view)
