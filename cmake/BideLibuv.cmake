# The target bide_uv: the system's libuv, or one built here from source.
#
# The wheels carry their own libuv (BIDE_STATIC_LIBUV). It is compiled from the
# source that BIDE_LIBUV_SOURCE names, because the archives distributions ship
# are not position-independent.
add_library(bide_uv INTERFACE)

if(BIDE_STATIC_LIBUV)
    include(FetchContent)
    if(NOT BIDE_LIBUV_SOURCE)
        message(FATAL_ERROR "BIDE_STATIC_LIBUV needs BIDE_LIBUV_SOURCE: the "
            "path or URL of libuv's source (tools/fetch-libuv gets one)")
    endif()
    set(BUILD_TESTING OFF)
    set(LIBUV_BUILD_TESTS OFF CACHE BOOL "" FORCE)
    set(LIBUV_BUILD_SHARED OFF CACHE BOOL "" FORCE)
    # libuv's own lowest version is one that CMake 4 has dropped.
    set(CMAKE_POLICY_VERSION_MINIMUM 3.5)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    if(IS_DIRECTORY "${BIDE_LIBUV_SOURCE}")
        add_subdirectory("${BIDE_LIBUV_SOURCE}" libuv EXCLUDE_FROM_ALL)
    else()
        FetchContent_Declare(libuv URL "${BIDE_LIBUV_SOURCE}"
                             DOWNLOAD_EXTRACT_TIMESTAMP OFF)
        FetchContent_GetProperties(libuv)
        if(NOT libuv_POPULATED)
            FetchContent_Populate(libuv)
            add_subdirectory("${libuv_SOURCE_DIR}" "${libuv_BINARY_DIR}"
                             EXCLUDE_FROM_ALL)
        endif()
    endif()
    unset(CMAKE_POSITION_INDEPENDENT_CODE)
    unset(CMAKE_POLICY_VERSION_MINIMUM)
    target_link_libraries(bide_uv INTERFACE uv_a)
    # An archive's symbols would be exported again by what links it, and then
    # clash with another libuv in the same process.
    target_link_options(bide_uv INTERFACE -Wl,--exclude-libs,ALL)
else()
    find_package(PkgConfig)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(BIDE_UV IMPORTED_TARGET libuv>=1.44)
    endif()
    if(TARGET PkgConfig::BIDE_UV)
        target_link_libraries(bide_uv INTERFACE PkgConfig::BIDE_UV)
    else()
        find_path(BIDE_UV_INCLUDE_DIR uv.h)
        find_library(BIDE_UV_LIBRARY NAMES uv libuv)
        if(NOT BIDE_UV_INCLUDE_DIR OR NOT BIDE_UV_LIBRARY)
            message(FATAL_ERROR "libuv 1.44 or newer was not found: install "
                "its development package (libuv1-dev, libuv-devel) or set "
                "BIDE_STATIC_LIBUV")
        endif()
        target_include_directories(bide_uv INTERFACE "${BIDE_UV_INCLUDE_DIR}")
        target_link_libraries(bide_uv INTERFACE "${BIDE_UV_LIBRARY}")
    endif()
endif()
