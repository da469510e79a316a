-- Child processes by libchld, with LuaJIT's FFI: see README.md.
--
--     local sorted = assert(chld.run({"sort"}, {input = "pear\nfig\n", timeout = 5}))
--     print(sorted.out, sorted.status)
--
-- What fails returns nil and an error: a table with text, errno, and for a start step, item
-- and index; tostring() of it is its text. Wrong arguments raise an error.
--
-- chld.h itself is the declaration: the file that CHLD_HEADER names, else that in
-- /usr/local/include or /usr/include. The library is what CHLD_LIBRARY names, else
-- libchld.so.0.

local ffi = require("ffi")

-- A C header as the FFI reads it: of the preprocessor, plain numbers only.
local function declare(paths)
    local file, why
    for _, path in ipairs(paths) do
        file, why = io.open(path)
        if file then break end
    end
    assert(file, why)
    local header = file:read("*a"):gsub("/%*.-%*/", "")
    file:close()
    header = header:gsub("#ifdef __cplusplus\n(.-)#endif", function(c_plus_plus)
        return c_plus_plus:match("#else\n(.*)") or ""
    end)
    header = header:gsub("#if defined%(__GNUC__%).-#else\n(.-)#endif", "%1")
    header = header:gsub("#define ([%w_]+) (%-?%d+)\n", "static const int %1 = %2;\n")
    ffi.cdef((header:gsub("#[^\n]*", "")))
end

declare(os.getenv("CHLD_HEADER") and {os.getenv("CHLD_HEADER")}
    or {"/usr/local/include/chld.h", "/usr/include/chld.h"})
ffi.cdef[[
char *strerror(int errnum);
struct chld_lua_poll { int fd; short events; short revents; };
struct chld_lua_time { long seconds; long nanoseconds; };
int clock_gettime(int clock, struct chld_lua_time *time);
int poll(struct chld_lua_poll *fds, unsigned long count, int timeout_ms);
]]
local lib = ffi.load(os.getenv("CHLD_LIBRARY") or "libchld.so.0")

local EAGAIN, ETIMEDOUT = 11, 110

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
        step = ffi.string(lib.chld_step_name(error.step)), item = ffi.string(error.item),
    }, failure)
end

local states = {
    [0] = "running", "exited", "killed", "dumped", [5] = "stopped", [6] = "continued",
    [15] = "lost",
}

-- A status has the members of chld_status, and these.
ffi.metatype("chld_status", {
    __index = function(self, name)
        local how = states[self.state]
        if name == "how" then return how end
        if name == "exit_code" then return how == "exited" and self.code or nil end
        if name == "signal" then
            return how ~= "exited" and self.code >= 0 and self.code or nil
        end
        if name == "shell_code" then return check(lib.chld_status_shell_code(self)) end
    end,
    __tostring = function(self) return text(lib.chld_status_text, self) end,
})

-- A string for the library, which would see only what is before a NUL.
local function string_for(value, what)
    if type(value) ~= "string" and type(value) ~= "number" then
        error(("bad %s (string expected, got %s)"):format(what, type(value)), 0)
    end
    value = tostring(value)
    if value:find("\0", 1, true) then error(("bad %s (string contains zeros)"):format(what), 0) end
    return value
end

-- Strings for the library. It points into them: `kept` must be there until the call is over.
local function strings(words, what, kept)
    local array = ffi.new("const char *[?]", #words + 1)
    for i, word in ipairs(words) do
        kept[#kept + 1] = string_for(word, what)
        array[i - 1] = kept[#kept]
    end
    kept[#kept + 1] = array
    return array
end

local function arguments(argv, kept)
    if type(argv) ~= "table" then
        error(("bad arguments (table expected, got %s)"):format(type(argv)), 0)
    end
    return strings(argv, "argument", kept)
end

-- Rounded up: a time that is not 0 is no 0 to the library.
local function milliseconds(seconds)
    return seconds and seconds < 2147483 and math.max(0, math.ceil(seconds * 1000)) or -1
end

-- Of the monotonic clock, in seconds.
local function now()
    local time = ffi.new("struct chld_lua_time")
    ffi.C.clock_gettime(1, time)
    return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function signal_number(signal)
    return assert(check(lib.chld_signal_number(tostring(signal))))
end

local streams = {
    inherit = lib.CHLD_STDIO_INHERIT, null = lib.CHLD_STDIO_NULL, pipe = lib.CHLD_STDIO_PIPE,
    pty = lib.CHLD_STDIO_PTY, closed = lib.CHLD_STDIO_CLOSED, stdout = lib.CHLD_STDIO_STDOUT,
    stderr = lib.CHLD_STDIO_STDERR,
}

local function stream(to, how, kept)
    if how == nil then return end
    if streams[how] then
        to.mode = streams[how]
    elseif type(how) == "number" then
        to.mode, to.fd = lib.CHLD_STDIO_FD, how
    elseif type(how) == "table" then
        kept[#kept + 1] = string_for(how.path, "path")
        to.mode, to.path = lib.CHLD_STDIO_PATH, kept[#kept]
        to.open_flags, to.open_mode = how.flags or 0, how.mode or 0
    else
        error(("bad stream: %s"):format(tostring(how)), 0)
    end
end

local function environment(all, variables, kept)
    local set, unset = {}, {}
    for name, value in pairs(variables) do
        if name == "" or name:find("=", 1, true) then error("bad name of a variable: " .. name, 0) end
        if value then set[#set + 1] = name .. "=" .. value else unset[#unset + 1] = name end
    end
    all.env_set, all.env_unset = strings(set, "variable", kept), strings(unset, "variable", kept)
end

-- What only run() uses.
local of_run = {input = true, timeout = true, stop = true, cancel_fd = true}

-- chld_spawn_options: `cwd`; `env`, {NAME = value, or false to remove it}; `stdin`, `stdout`
-- and `stderr`, a name of `streams`, a descriptor, or {path = …}; any other member by its name.
local function options(how, kept)
    local all = ffi.new("chld_spawn_options", {size = ffi.sizeof("chld_spawn_options")})
    for name, value in pairs(how) do
        if name == "env" then environment(all, value, kept)
        elseif name == "stdin" then stream(all["in"], value, kept)
        elseif name == "stdout" then stream(all.out, value, kept)
        elseif name == "stderr" then stream(all.err, value, kept)
        elseif name == "cwd" or name == "program" then
            kept[#kept + 1] = string_for(value, name)
            all[name] = kept[#kept]
        elseif not of_run[name] then all[name] = value end
    end
    return all
end

local Child = {}
Child.__index = Child

-- Starts a child. It is closed when it is collected, or by close(), which leaves it running.
function chld.spawn(argv, how)
    local kept = {}
    local id, error = ffi.new("chld_id[1]"), ffi.new("chld_error")
    local words, all = arguments(argv, kept), options(how or {}, kept)
    if lib.chld_spawn(id, words, all, error) < 0 then return start_failed(error) end
    return setmetatable({
        id = id[0],
        box = ffi.gc(id, function(box) lib.chld_close(box[0]) end),
    }, Child)
end

-- Sleeps until a descriptor is readable, a signal has come, or this number of milliseconds is
-- over. LuaJIT acts on ^C when a call of C has returned, but not in compiled code.
local function sleep(fd, ms)
    ffi.C.poll(ffi.new("struct chld_lua_poll[1]", {{fd, 1, 0}}), 1, ms)
end
jit.off(sleep)

-- How it exited; nil and an error if not within this number of seconds.
function Child:wait(seconds)
    local status, ends = ffi.new("chld_status"), seconds and now() + seconds
    local fd, why = self:exit_fd()
    if not fd then return nil, why end
    while true do
        local left = ends and milliseconds(math.max(0, ends - now())) or -1
        local result = lib.chld_wait(self.id, 0, status)
        if result == 0 then return status end
        if result ~= -ETIMEDOUT or left == 0 then return check(result) end
        sleep(fd, left)
    end
end
jit.off(Child.wait)

-- Its next stop, continuation, or exit.
function Child:wait_change(seconds)
    local status = ffi.new("chld_status")
    local done, why = check(lib.chld_wait_change(self.id, 0, milliseconds(seconds), status))
    return done and status, why
end

-- `signal`: a name or a number.
function Child:kill(signal)
    return check(lib.chld_kill(self.id, signal_number(signal)))
end

function Child:stdin_fd() return check(lib.chld_stdin_fd(self.id)) end
function Child:stdout_fd() return check(lib.chld_stdout_fd(self.id)) end
function Child:stderr_fd() return check(lib.chld_stderr_fd(self.id)) end
function Child:pid() return check(lib.chld_pid(self.id)) end
function Child:exit_fd() return check(lib.chld_exit_fd(self.id)) end

-- A second close is an error that does no harm.
function Child:close() return check(lib.chld_close(self.id)) end

local function bytes(stream)
    return stream.data ~= nil and ffi.string(stream.data, stream.kept) or ""
end

-- Waits for the last event of a set, and returns the result that it has.
local function captured(set)
    local event = ffi.new("chld_event")
    while true do
        local result = lib.chld_set_next(set, event)
        if result == 0 and event.last == 1 then break end
        if result == -EAGAIN then sleep(lib.chld_set_fd(set), -1) else assert(check(result)) end
    end
    local all = event.capture
    return {
        status = ffi.new("chld_status", all.status), out = bytes(all.out), err = bytes(all.err),
        timed_out = all.timed_out ~= 0, cancelled = all.cancelled ~= 0,
    }
end
jit.off(captured)

local function stop_plan(steps, kept)
    local list = ffi.new("chld_stop_step[?]", #steps + 1)
    for i, step in ipairs(steps) do
        list[i - 1] = {signal_number(step[1]), milliseconds(step[2])}
    end
    kept[#kept + 1] = list
    return ffi.new("chld_stop_plan", {
        size = ffi.sizeof("chld_stop_plan"), steps = list, steps_count = #steps,
    })
end

local function capture(how, kept)
    local plan = stop_plan(how.stop or {}, kept)
    kept[#kept + 1] = plan
    local all = ffi.new("chld_capture_options", {
        size = ffi.sizeof("chld_capture_options"),
        timeout_ms = how.timeout and math.max(1, milliseconds(how.timeout)) or -1,
        stop = plan,
    })
    if how.input then
        all["in"] = {mode = lib.CHLD_FEED_BUFFER, data = how.input, size = #how.input}
    end
    if how.stdout == nil or how.stdout == "pipe" then all.out.mode = lib.CHLD_SINK_GROW end
    if how.stderr == nil or how.stderr == "pipe" then all.err.mode = lib.CHLD_SINK_GROW end
    if how.cancel_fd then all.flags, all.cancel_fd = lib.CHLD_CAPTURE_CANCEL, how.cancel_fd end
    return all
end

-- Runs a child and keeps what it writes to the streams that are not set: {status, out, err,
-- timed_out, cancelled}. `how` is as for spawn(), and may have `input`; `timeout` in seconds,
-- after which the child is stopped by `stop`, a list of {signal, seconds} (math.huge: any
-- time), by default SIGTERM and, two seconds later, SIGKILL; and `cancel_fd`, a descriptor
-- that stops it, too, as soon as it is readable.
-- An error that ends the wait, as ^C does, stops it in the same way.
function chld.run(argv, how)
    local kept, own = {}, {}
    for name, value in pairs(how or {}) do own[name] = value end
    if own.input == nil and own.stdin == nil then own.stdin = "null" end
    local words, all, what = arguments(argv, kept), options(own, kept), capture(own, kept)
    local set, id = ffi.new("chld_set[1]"), ffi.new("chld_id[1]")
    local failure = ffi.new("chld_error")
    local opened, why = check(lib.chld_set_open(0, set))
    if not opened then return nil, why end
    if lib.chld_set_run(set[0], words, all, what, id, failure) < 0 then
        lib.chld_set_close(set[0])
        return start_failed(failure)
    end
    local done, result = pcall(captured, set[0])
    if not done and lib.chld_set_count(set[0]) > 0 then
        lib.chld_set_stop(set[0], id[0], 0, what.stop)
        captured(set[0])
    end
    lib.chld_close(id[0])
    lib.chld_set_close(set[0])
    if not done then error(result, 0) end
    kept[1] = nil -- until here C has used it
    return result
end

function chld.engine()
    return lib.chld_engine() == lib.CHLD_ENGINE_PIDFD and "pidfd" or "sigchld"
end

return chld
