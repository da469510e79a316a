package = "chld"
version = "0.1.0-1"
source = {url = "."}
description = {
    summary = "Child processes that never lose a status, by libchld, with LuaJIT's FFI",
    license = "MIT OR Apache-2.0",
}
supported_platforms = {"linux"}
dependencies = {"lua ~> 5.1"}
build = {type = "builtin", modules = {chld = "chld.lua"}}
