# `cmake --install`: headers, library, and what find_package(shoal) reads.
include(CMakePackageConfigHelpers)

set(shoal_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/shoal")

install(TARGETS shoal EXPORT shoalTargets COMPONENT cxx)
install(DIRECTORY include/shoal DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT cxx
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT shoalTargets NAMESPACE shoal:: DESTINATION "${shoal_cmake_dir}" COMPONENT cxx)

configure_package_config_file(
  cmake/shoalConfig.cmake.in "${PROJECT_BINARY_DIR}/shoalConfig.cmake"
  INSTALL_DESTINATION "${shoal_cmake_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/shoalConfig.cmake"
              "${PROJECT_BINARY_DIR}/shoalConfigVersion.cmake"
        DESTINATION "${shoal_cmake_dir}" COMPONENT cxx)
