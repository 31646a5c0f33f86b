# What every target of this project is compiled with. Warnings become errors by
# CMAKE_COMPILE_WARNING_AS_ERROR, which the presets for development set.

if(SHOAL_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT shoal_lto_works OUTPUT shoal_lto_reason LANGUAGES CXX)
  if(NOT shoal_lto_works)
    message(STATUS "shoal: no link-time optimisation: ${shoal_lto_reason}")
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Objects that also hold machine code: an installed libshoal.a then links with any compiler.
    set(CMAKE_CXX_COMPILE_OPTIONS_IPO -flto=auto -ffat-lto-objects)
  endif()
endif()

function(shoal_defaults target)
  target_compile_options(
    ${target}
    PRIVATE -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wno-sign-conversion # Clang counts it to -Wconversion, GCC does not
            -Wshadow
            -Wnon-virtual-dtor
            -Wold-style-cast
            -Woverloaded-virtual
            -Wimplicit-fallthrough
            -Wundef
            -Wextra-semi
            -Wno-missing-field-initializers # what a designated initializer leaves out is meant
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond>
            $<$<CXX_COMPILER_ID:GNU>:-Wlogical-op>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(SHOAL_LTO AND shoal_lto_works)
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
endfunction()
