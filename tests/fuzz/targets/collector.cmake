foreach(source desktop dpkg glpi_json glpi_xml csv)
    zb_fuzz(${source} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${source}.c DEPS zb_collector)
endforeach()
