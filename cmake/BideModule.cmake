# What an extension module for a host language needs beside its sources.

# bide_module(target): links the core in, exports only the entry point.
function(bide_module target)
    bide_compile(${target})
    bide_optimise(${target})
    target_link_libraries(${target} PRIVATE bide_core)
    set_target_properties(${target} PROPERTIES PREFIX "")
endfunction()

# bide_mirror(name from to): a target that keeps `to` filled with links to the
# files in `from`, so that a build tree is importable while sources are edited.
function(bide_mirror name from to)
    add_custom_target(${name} ALL
        COMMAND ${CMAKE_COMMAND} -DFROM=${from} -DTO=${to}
                -P "${PROJECT_SOURCE_DIR}/cmake/mirror.cmake"
        VERBATIM)
endfunction()
