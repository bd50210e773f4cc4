rockspec_format = "3.0"
package = "bide"
version = "0.1.0-1"
source = {
   url = "git+file://.",
}
description = {
   summary = "An async runtime for Lua coroutines, in C on libuv",
   detailed = [[
Straight-line network code on coroutines, structured concurrency, cancellation
that unwinds, and real threads for blocking work.]],
   license = "MIT",
}
supported_platforms = { "unix" }
dependencies = {
   "lua >= 5.4, < 5.5",
}
external_dependencies = {
   LIBUV = { header = "uv.h" },
   OPENSSL = { header = "openssl/ssl.h" },
}
build = {
   type = "command",
   build_command = [[cmake -S . -B build/luarocks -DCMAKE_BUILD_TYPE=Release ]]
      .. [[-DBIDE_BUILD_LIBRARY=OFF -DBIDE_BUILD_TESTS=OFF ]]
      .. [[-DBIDE_BUILD_EXAMPLES=OFF -DBIDE_BUILD_BENCHMARKS=OFF ]]
      .. [[-DBIDE_BUILD_PYTHON=OFF -DBIDE_BUILD_LUA=ON ]]
      .. [["-DBIDE_LUA_INCLUDE_DIR=$(LUA_INCDIR)" ]]
      .. [["-DBIDE_LUA_CDIR=$(LIBDIR)" "-DBIDE_LUA_DIR=$(LUADIR)" "-DBIDE_LUA_BINDIR=$(BINDIR)" ]]
      .. [[&& cmake --build build/luarocks --target bide_lua]],
   install_command = "cmake --install build/luarocks --component lua",
}
