foreach(name normalise catalogue_yaml catalogue_package recognise)
    zb_fuzz(${name} SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c DEPS zb_matcher)
endforeach()
if(TEST fuzz.recognise) # judges by the tree's own catalogue
    set_tests_properties(fuzz.recognise PROPERTIES
                         ENVIRONMENT "ZB_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
endif()
