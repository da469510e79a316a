-- The conformance list of the bindings (bindings/conformance.txt): one line per item.
--
-- `luajit conformance.lua ctrl-c` is the process of its own of the item of that name.

local ffi = require("ffi")
local chld = require("chld")

ffi.cdef("long read(int fd, void *buffer, size_t size);")

local function sh(script) return {"sh", "-c", script} end

-- Raises an error unless each value is equal to the one after it.
local function equal(...)
    for i = 1, select("#", ...), 2 do
        local is, should = select(i, ...)
        if is ~= should then error(("%s, not %s"):format(tostring(is), tostring(should)), 0) end
    end
end

local function read_all(fd)
    local text, buffer = "", ffi.new("char[256]")
    while true do
        local size = tonumber(ffi.C.read(fd, buffer, 256))
        if size <= 0 then return text end
        text = text .. ffi.string(buffer, size)
    end
end

local function content(path, text)
    local file = assert(io.open(path, text and "w" or "r"))
    if text then file:write(text) else text = file:read("*a") end
    file:close()
    return text
end

local function now()
    return tonumber(assert(chld.run({"date", "+%s%N"})).out) / 1e9
end

local function exits(script, code)
    return function()
        local status = assert(assert(chld.spawn(sh(script))):wait())
        equal(status.how, "exited", status.exit_code, code, status.signal, nil)
    end
end

local function is_killed(script, signal)
    return function()
        local status = assert(assert(chld.spawn(sh("ulimit -c 0; " .. script))):wait())
        equal(status.how, "killed", status.exit_code, nil, status.signal, signal)
    end
end

local function stops(script, signal, code)
    return function()
        local child = assert(chld.spawn(sh(script)))
        local stop = assert(child:wait_change())
        equal(stop.how, "stopped", stop.signal, 19)
        assert(child:kill("TERM"))
        assert(child:kill("CONT"))
        local status = assert(child:wait())
        equal(status.signal, signal, status.exit_code, code)
    end
end

local both = sh("echo a; echo b >&2")

local function writes(argv, how, out, err)
    local done = assert(chld.run(argv, how))
    equal(done.out, out, done.err, err)
end

local function refused(message, argv, how)
    local done, why = pcall(chld.run, argv, how)
    equal(done, false)
    equal(why:find(message, 1, true) ~= nil and "refused" or why, "refused")
end

local function fails(step, item, ...)
    local done, why = ...
    equal(done, nil, why.errno, 2, why.step, step, why.item, item)
end

local function redirected()
    local one, two = os.tmpname(), os.tmpname()
    content(one, "text\n")
    writes({"cat"}, {stdin = {path = one}, stdout = {path = two}}, "", "")
    equal(content(two), "text\n")
    content(two, "")
    ffi.cdef("int open(const char *path, int flags, ...); int close(int fd);")
    local from, to = ffi.C.open(one, 0), ffi.C.open(two, 1)
    writes({"cat"}, {stdin = from, stdout = to}, "", "")
    equal(content(two), "text\n", ffi.C.close(from), 0, ffi.C.close(to), 0)
    os.remove(one)
    os.remove(two)
end

-- LuaJIT makes an error of ^C: "interrupted!".
local function ctrl_c()
    local child = assert(chld.spawn({"luajit", arg[0], "ctrl-c"}, {stderr = "pipe"}))
    assert(chld.run({"sleep", "0.5"}))
    assert(child:kill("INT"))
    local status = assert(child:wait(2))
    equal(status.exit_code, 9)
    local pid = read_all(child:stderr_fd()):match("%d+") -- nobody has the pipe open
    equal(io.open("/proc/" .. pid .. "/stat"), nil)
end

local function beside()
    local own, ours = {}, {}
    for n = 0, 199 do
        ours[n] = assert(chld.spawn(sh("sleep 0.1; exit " .. n % 256)))
        -- Lua has no exit code of popen() in every build: the child prints its own.
        if n < 40 then own[n] = io.popen("sleep 0.1; echo " .. n) end
    end
    for n = 0, 199 do
        equal(assert(ours[n]:wait()).exit_code, n % 256)
        if n < 40 then equal(own[n]:read("*n"), n, own[n]:close(), true) end
    end
end

local items = {
    {"success", exits("exit 0", 0)},
    {"failure", exits("exit 1", 1)},
    {"pretender", exits("exit 143", 143)},
    {"segfault", is_killed("kill -SEGV $$", 11)},
    {"abort", is_killed("kill -ABRT $$", 6)},
    {"missing", function() fails("exec", "/no/such/program", chld.spawn{"/no/such/program"}) end},
    {"captured", function()
        local script = [[echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3]]
        local how = {cwd = "/", env = {CHILD = "captured"}, input = "captured"}
        local done = assert(chld.run(sh(script), how))
        equal(done.status.exit_code, 3, done.out, "/ captured CAPTURED\n", #done.err, 100000)
    end},
    {"slow", function()
        local how = {timeout = 0.2, stop = {{"KILL", math.huge}}}
        local done = assert(chld.run(sh("exec sleep 60"), how))
        equal(done.status.signal, 9, done.timed_out, true)
    end},
    {"stopped", stops("kill -STOP $$; exit 7", 15, nil)},
    {"caught", stops("trap 'exit 123' TERM; kill -STOP $$; exit 7", nil, 123)},
    {"merged-stderr", function() writes(both, {stderr = "stdout"}, "a\nb\n", "") end},
    {"discarded", function()
        writes(both, {stderr = "null"}, "a\n", "")
        writes(both, {stdout = "null"}, "", "b\n")
    end},
    {"redirected", redirected},
    {"large-output", function()
        local input = ("0123456789"):rep(1000000)
        local done = assert(chld.run(sh("head -c 10000000 /dev/zero >&2; cat"), {input = input}))
        equal(done.out == input, true, #done.err, 10000000)
    end},
    {"bytes", function()
        local odd = "\255\254\128"
        local argv = {"sh", "-c", [[printf '%s|%s' "$1" "$BYTES"]], "sh", odd}
        writes(argv, {env = {BYTES = odd}}, odd .. "|" .. odd, "")
    end},
    {"nul-argument", function() refused("contains zeros", {"echo", "shown\0cut"}) end},
    {"nul-environment", function()
        refused("contains zeros", {"true"}, {env = {["A\0B"] = "value"}})
        refused("contains zeros", {"true"}, {env = {A = "val\0ue"}})
        refused("contains zeros", {"true"}, {env = {["A\0B"] = false}})
    end},
    {"nul-path", function()
        refused("contains zeros", {"true"}, {cwd = "/\0tmp"})
        refused("contains zeros", {"true"}, {stdin = {path = "/dev/null\0"}})
    end},
    {"string-for-list", function() refused("table expected, got string", "true") end},
    {"timeout-partial", function()
        local begun = now()
        local done = assert(chld.run(sh("echo begun; exec sleep 60"), {timeout = 0.3}))
        equal(done.timed_out, true, done.out, "begun\n", now() - begun < 5, true)
    end},
    {"cancel # by a descriptor", function()
        local timer, begun = assert(chld.spawn({"sleep", "0.3"}, {stdout = "pipe"})), now()
        local how = {cancel_fd = timer:stdout_fd()}
        local done = assert(chld.run(sh("echo begun; exec sleep 60"), how))
        equal(done.cancelled, true, done.timed_out, false, done.status.signal, 15)
        equal(done.out, "begun\n", now() - begun < 2.3, true)
    end},
    {"ctrl-c", ctrl_c},
    {"beside", beside},
    {"error-step", function()
        fails("chdir", "/no/such/directory", chld.run({"true"}, {cwd = "/no/such/directory"}))
    end},
}

if arg[1] == "ctrl-c" then
    local done, why = pcall(chld.run, sh("echo $$ >&2; exec sleep 60"), {stderr = "inherit"})
    os.exit(not done and why:find("interrupted!") and 9 or 1)
end

local failed = false
for _, item in ipairs(items) do
    local done, why = pcall(item[2])
    failed = failed or not done
    print(done and "ok " .. item[1] or ("not ok %s: %s"):format(item[1], tostring(why)))
end
os.exit(failed and 1 or 0)
