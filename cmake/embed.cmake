# cmake -DFROM=file -DTO=header -DNAME=identifier -P embed.cmake: a header that
# defines `static const char NAME[]`, the file's bytes and a final zero.
file(READ "${FROM}" bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE "${TO}" "static const char ${NAME}[] = {\n${bytes}0x00};\n")
