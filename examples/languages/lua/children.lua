-- The ten children of children.txt, in LuaJIT, and io.popen()'s beside chld's.
--
--     luajit children.lua ../children.txt

package.path = arg[0]:match("^(.*/)") .. "?.lua;" .. package.path
local chld = require("chld")

local BESIDE = 40

local function describe(status)
    return (" %s (state %d, code %d, word 0x%04x, $? %d)"):format(
        tostring(status), status.state, status.code, status.wait_word, status:shell_code())
end

local ways = {}

function ways.wait(argv)
    local child, why = chld.spawn(argv)
    if not child then
        return (" %s (step %s, index %d, errno %d)"):format(
            tostring(why), why.step, why.index, why.errno)
    end
    local status = assert(child:wait())
    child:close()
    return describe(status)
end

ways.exec = ways.wait

function ways.run(argv, name)
    local done = assert(chld.run(argv, {input = name}, {cwd = "/", env = {"CHILD=" .. name}}))
    return ("%s out: %s err: %d bytes"):format(
        describe(done.status), done.out:match("[^\n]*"), #done.err)
end

function ways.limit(argv)
    local done = assert(chld.run(argv, {timeout = 0.2, signal = "KILL"}))
    return describe(done.status) .. (done.timed_out and " at the limit" or " by itself")
end

function ways.stop(argv)
    local child = assert(chld.spawn(argv))
    local stopped = assert(child:wait_change())
    assert(child:kill("TERM"))
    assert(child:kill("CONT"))
    local status = assert(child:wait())
    child:close()
    return describe(stopped) .. describe(status)
end

for line in io.lines(arg[1]) do
    local name, way, what = line:match("^(%w+)%s+(%w+)%s+(.+)$")
    if name then
        print(name .. ":" .. ways[way](way == "exec" and {what} or {"sh", "-c", what}, name))
    end
end

-- Lua has no exit code of popen() in every build: the child tells its own.
local own, ours = {}, {}
for n = 1, BESIDE do
    own[n] = io.popen("sleep 0.1; echo " .. n)
    ours[n] = assert(chld.spawn{"sh", "-c", "sleep 0.1; exit $0", tostring(100 + n)})
end
local own_right, ours_right = 0, 0
for n = 1, BESIDE do
    local said, closed = own[n]:read("*n"), own[n]:close()
    own_right = own_right + (closed and said == n and 1 or 0)
    local status = assert(ours[n]:wait())
    ours_right = ours_right + (status.code == 100 + n and 1 or 0)
end
print(("beside: %d of %d of its own, %d of %d of chld"):format(
    own_right, BESIDE, ours_right, BESIDE))
print("engine: " .. chld.engine())
