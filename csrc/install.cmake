# libbide as others get it: archive, shared object, header, CMake package and
# pkg-config file.
include(CMakePackageConfigHelpers)

add_library(bide_static STATIC ${bide_sources} ${bide_tls_sources})
bide_core_form(bide_static)
target_link_libraries(bide_static PRIVATE bide_openssl)
set_target_properties(bide_static PROPERTIES
    OUTPUT_NAME bide EXPORT_NAME static)
if(BIDE_SANITIZE)
    target_link_options(bide_static INTERFACE -fsanitize=${BIDE_SANITIZE})
endif()
add_library(bide::static ALIAS bide_static)

add_library(bide_shared SHARED ${bide_sources} ${bide_tls_sources})
bide_core_form(bide_shared)
target_link_libraries(bide_shared PRIVATE bide_openssl)
bide_optimise(bide_shared)
target_compile_definitions(bide_shared PRIVATE BIDE_BUILD_SHARED)
set_target_properties(bide_shared PROPERTIES
    OUTPUT_NAME bide EXPORT_NAME bide
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
add_library(bide::bide ALIAS bide_shared)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/bide")

install(FILES include/bide.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT bide)
install(TARGETS bide_shared EXPORT bide-shared
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT bide)
install(EXPORT bide-shared NAMESPACE bide:: DESTINATION ${package}
        FILE bide-shared.cmake COMPONENT bide)

# The archive needs a libuv to be linked with; one built here is not installed,
# so the archive is not either.
if(NOT BIDE_STATIC_LIBUV)
    install(TARGETS bide_static
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT bide)
endif()

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/bide-config.cmake.in" bide-config.cmake
    INSTALL_DESTINATION ${package}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(bide-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/bide-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/bide-config-version.cmake"
        DESTINATION ${package} COMPONENT bide)

# The pkg-config file names its prefix from where it lies, so that a tree can
# be installed, or moved, anywhere.
if(BIDE_TLS)
    set(BIDE_PC_OPENSSL ", openssl >= 1.1.1")
endif()
file(RELATIVE_PATH BIDE_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig"
     "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/cmake/bide.pc.in" bide.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/bide.pc"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT bide)
