# bide_compile(target): the language, warnings and instrumentation that every
# target of this project is compiled with.
include(CheckIPOSupported)

set(bide_lto OFF)
if(BIDE_LTO AND CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo)$"
   AND NOT BIDE_SANITIZE)
    check_ipo_supported(RESULT bide_lto OUTPUT bide_lto_reason LANGUAGES C)
    if(NOT bide_lto)
        message(STATUS "No link-time optimisation: ${bide_lto_reason}")
    endif()
endif()

function(bide_compile target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11
        C_STANDARD_REQUIRED ON
        C_EXTENSIONS OFF
        C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    # Defined as nothing, as a source that stands alone defines it.
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE=)
    if(NOT BIDE_DIAGNOSTICS)
        target_compile_definitions(${target} PRIVATE BIDE_DIAGNOSTICS=0)
    endif()
    target_compile_options(${target} PRIVATE -Wall -Wextra)
    if(BIDE_WERROR)
        target_compile_options(${target} PRIVATE -Werror)
    endif()
    if(BIDE_SANITIZE)
        set(flags -fsanitize=${BIDE_SANITIZE} -fno-omit-frame-pointer
                  -fno-sanitize-recover=all)
        target_compile_options(${target} PRIVATE ${flags})
        target_link_options(${target} PRIVATE ${flags})
    endif()
endfunction()

# bide_optimise(target): the core inlines into what it is linked with. For
# what is linked for good (modules, programs), not for archives: their objects
# would bind a user to this very compiler.
function(bide_optimise target)
    if(bide_lto)
        set_target_properties(${target} PROPERTIES
            INTERPROCEDURAL_OPTIMIZATION ON)
    endif()
endfunction()
