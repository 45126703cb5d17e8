# The post-build hook of esp-ota-toolkit: `idf.py build` ends with the image packaged.
#
#   ota_package([MANIFEST <file>] [BINARY <file>] [VERSION <version>] [PROJECT <name>]
#               [OUTPUT <folder>] [UPDATE_MANIFEST] [STRICT] [ARGS <argument>...])
#
# In the CMakeLists.txt of an ESP-IDF project (5.x and 6.x), after project():
#
#   cmake_minimum_required(VERSION 3.16)
#   include($ENV{IDF_PATH}/tools/cmake/project.cmake)
#   project(weather_station)
#
#   include(node_modules/esp-ota-toolkit/cmake/OtaToolkit.cmake)
#   ota_package(UPDATE_MANIFEST ARGS --label nightly)
#
# From a component, in its project_include.cmake (CMake 3.19 or newer): ESP-IDF 6 creates the target `app`
# only after the components, so the call has to wait for the end of the project's CMakeLists.txt.
#
#   include(${CMAKE_CURRENT_LIST_DIR}/OtaToolkit.cmake)
#   cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL ota_package UPDATE_MANIFEST)
#
#   MANIFEST         the root manifest, relative to the source folder. Default: ota/manifest.json
#   BINARY           the image, relative to the build folder. Default: <project>.bin
#   VERSION          the version to package. Default: ESP-IDF's PROJECT_VER; when there is none, the
#                    project_version of <build>/project_description.json, read at build time
#   PROJECT          the project's name. Default: PROJECT_NAME
#   OUTPUT           the folder to write versions to, relative to the source folder.
#                    Default: `versions` beside the manifest
#   UPDATE_MANIFEST  list the version in the root manifest as well
#   STRICT           a missing tool or a failing packaging fails the build; without STRICT it warns
#   ARGS             further arguments of `ota package`, passed as they are
#
# The hook runs after the image is signed and its size is checked. It calls `ota` only when the image, the
# arguments above or the manifest differ from the last success, so it tries again after a failure.
#
# Targets, also as `idf.py <target>`. They always run, and always report failure:
#   ota-package          packages, changed or not
#   ota-verify           checks sizes and hashes of the packaged version
#   ota-deploy-dry-run   shows what deploying this version would send
#
# `ota` is OTA_EXECUTABLE (CMake variable, then environment), else node_modules/.bin/ota in the source folder
# or a folder above it, else in PATH. It is looked for at build time: it may be installed after configuring.

include_guard(GLOBAL)
cmake_policy(VERSION 3.16...3.30)

set_property(GLOBAL PROPERTY OTA_TOOLKIT_FOLDER "${CMAKE_CURRENT_LIST_DIR}")

function(ota_package)
    # ESP-IDF runs project() and every project_include.cmake again for these sub-projects.
    if(BOOTLOADER_BUILD OR ESP_TEE_BUILD)
        return()
    endif()

    cmake_parse_arguments(PARSE_ARGV 0 arg
        "UPDATE_MANIFEST;STRICT" "MANIFEST;BINARY;VERSION;PROJECT;OUTPUT" "ARGS")
    if(DEFINED arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "ota_package: unknown argument \"${arg_UNPARSED_ARGUMENTS}\". "
            "Arguments meant for `ota package` stand after ARGS.")
    endif()
    if(DEFINED arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "ota_package: ${arg_KEYWORDS_MISSING_VALUES} needs a value.")
    endif()

    _ota_app_problem(problem)
    if(problem)
        message(WARNING "ota_package: ${problem} This build will not be packaged.")
        return()
    endif()

    _ota_idf_property(build_folder BUILD_DIR "${CMAKE_BINARY_DIR}")
    _ota_idf_property(binary PROJECT_BIN "${CMAKE_PROJECT_NAME}.bin")
    _ota_choose_version(version version_source)
    _ota_path(manifest "${CMAKE_SOURCE_DIR}" "${arg_MANIFEST}" "ota/manifest.json")
    _ota_path(binary "${build_folder}" "${arg_BINARY}" "${binary}")
    _ota_path(output "${CMAKE_SOURCE_DIR}" "${arg_OUTPUT}" "")
    set(project "${arg_PROJECT}")
    if("${project}" STREQUAL "")
        _ota_idf_property(project PROJECT_NAME "${PROJECT_NAME}")
    endif()

    set(settings_file "${CMAKE_BINARY_DIR}/ota-toolkit/settings.cmake")
    set(stamp_file "${CMAKE_BINARY_DIR}/ota-toolkit/packaged.txt")
    _ota_write_settings("${settings_file}"
        MANIFEST "${manifest}"
        BINARY "${binary}"
        VERSION "${version}"
        VERSION_SOURCE "${version_source}"
        DESCRIPTION "${build_folder}/project_description.json"
        PROJECT "${project}"
        OUTPUT "${output}"
        UPDATE_MANIFEST "${arg_UPDATE_MANIFEST}"
        STRICT "${arg_STRICT}"
        ARGS "${arg_ARGS}"
        EXECUTABLE "${OTA_EXECUTABLE}"
        SOURCE_FOLDER "${CMAKE_SOURCE_DIR}"
        STAMP "${stamp_file}")
    set_property(DIRECTORY APPEND PROPERTY ADDITIONAL_CLEAN_FILES "${stamp_file}")

    get_property(toolkit GLOBAL PROPERTY OTA_TOOLKIT_FOLDER)
    set(run "${toolkit}/OtaToolkitRun.cmake")
    # `app` is a custom target: what hangs on it runs at every build, so the script decides what is new.
    add_custom_command(TARGET app POST_BUILD
        COMMAND "${CMAKE_COMMAND}" -D MODE=hook -D "SETTINGS=${settings_file}" -P "${run}"
        COMMENT ""
        VERBATIM)
    foreach(mode package verify deploy-dry-run)
        add_custom_target("ota-${mode}"
            COMMAND "${CMAKE_COMMAND}" -D "MODE=${mode}" -D "SETTINGS=${settings_file}" -P "${run}"
            USES_TERMINAL
            VERBATIM)
        add_dependencies("ota-${mode}" app)
    endforeach()
endfunction()

# Why the hook cannot be attached here, as a sentence; empty when it can.
function(_ota_app_problem out)
    set(problem "")
    if(TARGET ota-package)
        set(problem "it was called before; one project has one hook.")
    elseif(NOT TARGET app)
        set(problem "there is no target `app`. Call it after project(); in a component, write\n  \
cmake_language(DEFER DIRECTORY \${CMAKE_SOURCE_DIR} CALL ota_package)\nin project_include.cmake.")
    else()
        # add_custom_command(TARGET) is allowed only where the target was created.
        get_target_property(app_folder app SOURCE_DIR)
        if(NOT "${app_folder}" STREQUAL "${CMAKE_CURRENT_SOURCE_DIR}")
            set(problem "it must be called in ${app_folder}, where `app` was created. In a component, write\n  \
cmake_language(DEFER DIRECTORY \${CMAKE_SOURCE_DIR} CALL ota_package)\nin project_include.cmake.")
        endif()
    endif()
    set(${out} "${problem}" PARENT_SCOPE)
endfunction()

# A build property of ESP-IDF, or the fallback where ESP-IDF has none (PROJECT_BIN exists from 6.0).
function(_ota_idf_property out property fallback)
    set(value "")
    if(COMMAND idf_build_get_property)
        idf_build_get_property(value ${property})
    endif()
    if("${value}" STREQUAL "")
        set(value "${fallback}")
    endif()
    set(${out} "${value}" PARENT_SCOPE)
endfunction()

# The version and where it is from; empty when only the build will tell. The build property is asked before
# the variable, because CONFIG_APP_PROJECT_VER_FROM_CONFIG replaces only the property.
function(_ota_choose_version out out_source)
    set(source "VERSION")
    set(version "${arg_VERSION}")
    if("${version}" STREQUAL "")
        set(source "PROJECT_VER")
        _ota_idf_property(version PROJECT_VER "${PROJECT_VER}")
        # The image and the device have no more than this: esp_app_desc_t, version[32] with its NUL.
        string(SUBSTRING "${version}" 0 31 version)
    endif()
    set(${out} "${version}" PARENT_SCOPE)
    set(${out_source} "${source}" PARENT_SCOPE)
endfunction()

# An absolute path from what the caller gave, or from the default; empty when both are.
function(_ota_path out base given default)
    if("${given}" STREQUAL "")
        set(given "${default}")
    endif()
    if(NOT "${given}" STREQUAL "")
        get_filename_component(given "${given}" ABSOLUTE BASE_DIR "${base}")
    endif()
    set(${out} "${given}" PARENT_SCOPE)
endfunction()

# Pairs of name and value as a CMake script. Bracket arguments keep blanks, quotes, backslashes and
# semicolons of every value, and nothing passes through a shell.
function(_ota_write_settings file)
    set(text "")
    math(EXPR last "${ARGC} - 1")
    foreach(index RANGE 1 ${last} 2)
        math(EXPR next "${index} + 1")
        string(APPEND text "set(${ARGV${index}} [======[${ARGV${next}}]======])\n")
    endforeach()
    file(WRITE "${file}" "${text}")
endfunction()
