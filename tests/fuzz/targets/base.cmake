zb_fuzz(config SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_config.c DEPS zb_base)
zb_fuzz(yaml SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_yaml.c DEPS zb_base)
