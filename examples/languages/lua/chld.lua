-- Child processes by libchld, with LuaJIT's FFI: chld.h itself is the declaration.
--
--     local ls = assert(chld.spawn{"ls", "-l"})
--     print("ls " .. tostring(ls:wait()))
--
--     local sorted = assert(chld.run({"sort"}, {input = "pear\nfig\n", timeout = 5}))
--
-- What fails returns nil and an error: a table with text, errno, and for a start
-- step and index; tostring() of it is its text. A child is closed when it is
-- collected, or by close(), which does not end it.
--
-- The header is what CHLD_HEADER names, else /usr/include/chld.h; the library is
-- what CHLD_LIBRARY names, else libchld.so.0.

local ffi = require("ffi")

-- A C header as the FFI reads it: of the preprocessor, plain numbers only.
local function declare(path)
    local file = assert(io.open(path))
    local header = file:read("*a"):gsub("/%*.-%*/", "")
    file:close()
    header = header:gsub("#ifdef __cplusplus\n(.-)#endif", function(c_plus_plus)
        return c_plus_plus:match("#else\n(.*)") or ""
    end)
    header = header:gsub("#if defined%(__GNUC__%).-#else\n(.-)#endif", "%1")
    header = header:gsub("#define ([%w_]+) (%-?%d+)\n", "static const int %1 = %2;\n")
    ffi.cdef((header:gsub("#[^\n]*", "")))
end

declare(os.getenv("CHLD_HEADER") or "/usr/include/chld.h")
ffi.cdef("char *strerror(int errnum);")
local lib = ffi.load(os.getenv("CHLD_LIBRARY") or "libchld.so.0")

local chld = {lib = lib}

local failure = {__tostring = function(self) return self.text end}

local function text(say, thing)
    local buffer = ffi.new("char[512]")
    say(thing, buffer, ffi.sizeof(buffer))
    return ffi.string(buffer)
end

-- The result of a function of the library, or nil and the error.
local function check(result)
    if result >= 0 then return result end
    return nil, setmetatable({errno = -result, text = ffi.string(ffi.C.strerror(-result))}, failure)
end

local function start_failed(error)
    return nil, setmetatable({
        errno = error.code, index = error.index, text = text(lib.chld_error_text, error),
        step = ffi.string(lib.chld_step_name(error.step)),
    }, failure)
end

-- A status has the members of chld_status, and these.
ffi.metatype("chld_status", {
    __index = {
        shell_code = function(self) return check(lib.chld_status_shell_code(self)) end,
    },
    __tostring = function(self) return text(lib.chld_status_text, self) end,
})

-- Strings for the library. It points into them: the table itself must be kept,
-- as a Lua variable, until the call is over.
local function strings(words)
    local array = ffi.new("const char *[?]", #words + 1, words)
    array[#words] = nil  -- ffi.new() fills up an array with its element if there is only one
    return array
end

local function milliseconds(seconds)
    return seconds and math.max(0, math.floor(seconds * 1000 + 0.5)) or -1
end

-- chld_spawn_options: `cwd`, `env` (a list of "NAME=value" to set), and any other
-- member by its name: {out = {mode = lib.CHLD_STDIO_PIPE}, nice = 5}.
local function options(how)
    local all = ffi.new("chld_spawn_options", {size = ffi.sizeof("chld_spawn_options")})
    local env = how and how.env and strings(how.env)
    for name, value in pairs(how or {}) do
        if name == "env" then all.env_set = env else all[name] = value end
    end
    return all, env
end

local Child = {}
Child.__index = Child

function chld.spawn(argv, how)
    local id, error = ffi.new("chld_id[1]"), ffi.new("chld_error")
    local words, all, env = strings(argv), options(how)
    if lib.chld_spawn(id, words, all, error) < 0 then return start_failed(error) end
    return setmetatable({
        id = id[0],
        box = ffi.gc(id, function(box) lib.chld_close(box[0]) end),
    }, Child)
end

-- How it ended; nil and an error if not within so many seconds.
function Child:wait(seconds)
    local status = ffi.new("chld_status")
    local done, why = check(lib.chld_wait(self.id, milliseconds(seconds), status))
    return done and status, why
end

-- The next stop, continuation, or its end.
function Child:wait_change(seconds)
    local status = ffi.new("chld_status")
    local done, why = check(lib.chld_wait_change(self.id, 0, milliseconds(seconds), status))
    return done and status, why
end

-- `signal`: a name or a number.
function Child:kill(signal)
    return check(lib.chld_kill(self.id, lib.chld_signal_number(tostring(signal))))
end

function Child:stdin_fd() return check(lib.chld_stdin_fd(self.id)) end
function Child:stdout_fd() return check(lib.chld_stdout_fd(self.id)) end
function Child:exit_fd() return check(lib.chld_exit_fd(self.id)) end

-- A second close is an error that does no harm.
function Child:close() return check(lib.chld_close(self.id)) end

local function taken(captured)
    local bytes = captured.data ~= nil and ffi.string(captured.data, captured.kept) or ""
    lib.chld_buffer_free(captured.data)
    return bytes
end

-- Runs a child and keeps what it writes: {status, out, err, timed_out}. `what` may
-- have `input`, and `timeout` in seconds, at which the child is sent `signal`, or
-- SIGTERM and, two seconds later, SIGKILL. `how` is as for spawn().
function chld.run(argv, what, how)
    what = what or {}
    local input = what.input or ""
    local words, all, env = strings(argv), options(how)
    local step = ffi.new("chld_stop_step", what.signal and lib.chld_signal_number(what.signal) or 0, -1)
    local plan = ffi.new("chld_stop_plan", {
        size = ffi.sizeof("chld_stop_plan"), steps = step, steps_count = what.signal and 1 or 0,
    })
    local capture = ffi.new("chld_capture_options", {
        size = ffi.sizeof("chld_capture_options"),
        timeout_ms = what.timeout and math.max(1, milliseconds(what.timeout)) or -1,
        ["in"] = {mode = lib.CHLD_FEED_BUFFER, data = input, size = #input},
        out = {mode = lib.CHLD_SINK_GROW}, err = {mode = lib.CHLD_SINK_GROW},
        stop = plan,
    })
    local result, error = ffi.new("chld_capture_result"), ffi.new("chld_error")
    local failed = lib.chld_run(words, all, capture, result, error)
    if failed < 0 and error.step ~= lib.CHLD_STEP_CAPTURE then return start_failed(error) end
    local done, why = check(failed)
    local out, err = taken(result.out), taken(result.err)
    if not done then return nil, why end
    return {
        status = ffi.new("chld_status", result.status), out = out, err = err,
        timed_out = result.timed_out ~= 0,
    }
end

function chld.engine()
    return lib.chld_engine() == lib.CHLD_ENGINE_PIDFD and "pidfd" or "sigchld"
end

return chld
