# The version has one home: the header. Everything else reads it from there.
function(bide_read_version header out)
    file(STRINGS "${header}" line REGEX "^#define BIDE_VERSION \"[0-9.]+\"$")
    if(NOT line MATCHES "\"([0-9.]+)\"")
        message(FATAL_ERROR "${header} does not define BIDE_VERSION")
    endif()
    set(${out} "${CMAKE_MATCH_1}" PARENT_SCOPE)
endfunction()
