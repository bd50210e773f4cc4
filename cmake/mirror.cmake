# cmake -DFROM=dir -DTO=dir -P mirror.cmake: links each file below FROM at the
# same place below TO, and drops the links whose file is gone.
file(MAKE_DIRECTORY "${TO}")
file(GLOB_RECURSE present RELATIVE "${TO}" "${TO}/*")
foreach(path IN LISTS present)
    if(IS_SYMLINK "${TO}/${path}" AND NOT EXISTS "${TO}/${path}")
        file(REMOVE "${TO}/${path}")
    endif()
endforeach()

file(GLOB_RECURSE paths RELATIVE "${FROM}" "${FROM}/*")
foreach(path IN LISTS paths)
    if(path MATCHES "__pycache__|\\.so$" OR IS_SYMLINK "${TO}/${path}")
        continue()
    endif()
    get_filename_component(directory "${TO}/${path}" DIRECTORY)
    file(MAKE_DIRECTORY "${directory}")
    file(CREATE_LINK "${FROM}/${path}" "${TO}/${path}" SYMBOLIC)
endforeach()
