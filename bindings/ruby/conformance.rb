# frozen_string_literal: true

# The conformance list of the bindings (bindings/conformance.txt): one line per item.
#
# `ruby conformance.rb ctrl-c` is the process of its own of the item of that name.

require "chld"
require "rbconfig"
require "timeout"
require "tmpdir"

BOTH = ["sh", "-c", "echo a; echo b >&2"].freeze
TRAP = "trap 'exit 123' TERM; kill -STOP $$; exit 7"

def sh(script) = ["sh", "-c", script]

def equal(is, should)
  raise "#{is.inspect}, not #{should.inspect}" unless is == should
end

def exits(script, code)
  Chld.spawn(sh(script)) do |child|
    status = child.wait
    equal([status.state, status.exit_code, status.signal], [:exited, code, nil])
  end
end

def killed?(script, signal)
  status = Chld.spawn(sh("ulimit -c 0; #{script}"), &:wait)
  equal([status.state, status.exit_code, status.signal], [:killed, nil, signal])
end

def stops(script, signal, code)
  Chld.spawn(sh(script)) do |child|
    stop = child.change
    equal([stop.state, stop.signal], [:stopped, 19])
    child.kill(:TERM)
    child.kill(:CONT)
    status = child.wait
    equal([status.signal, status.exit_code], [signal, code])
  end
end

def raises(type, message = //)
  yield
rescue type => e
  raise "the message is #{e.message}" unless message.match?(e.message)

  e
else
  raise "no #{type}"
end

def fails(step, item, &block)
  error = raises(Chld::SpawnError, &block)
  equal([error.errno, error.step, error.item], [Errno::ENOENT::Errno, step, item])
end

def writes(argv, stdout, stderr, **how)
  done = Chld.run(argv, **how)
  equal([done.stdout, done.stderr], [stdout, stderr])
end

def redirected
  Dir.mktmpdir do |folder|
    one, two = File.join(folder, "one"), File.join(folder, "two")
    File.write(one, "text\n")
    writes(["cat"], "", "", in: one, out: two)
    equal(File.read(two), "text\n")
    File.delete(two)
    File.open(one) do |from|
      File.open(two, "w") do |to|
        writes(["cat"], "", "", in: from, out: to)
        equal([File.read(two), from.stat.size, to.stat.size], ["text\n", 5, 5])
      end
    end
  end
end

def cancelled
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  raises(Timeout::Error) do
    Timeout.timeout(0.3) { Chld.run(sh("echo begun; exec sleep 60")) }
  end
  equal(Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun < 2.3, true)
end

# A program: a child is gone when Interrupt comes out of run.
def interruptible
  Chld.run(sh("echo $$ >&2; exec sleep 60"), err: :inherit)
rescue Interrupt
  exit 9
end

def ctrl_c
  reader, writer = IO.pipe
  child = Chld.spawn([RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, __FILE__, "ctrl-c"],
                     err: writer)
  writer.close
  pid = reader.gets.to_i
  sleep 0.5
  child.kill(:INT)
  equal(child.wait(2)&.exit_code, 9)
  reader.read # nobody has the pipe open
  equal(File.exist?("/proc/#{pid}"), false)
end

def beside
  own = (0...40).map { |n| Process.detach(Process.spawn("sh", "-c", "sleep 0.1; exit #{n}")) }
  ours = (0...200).map { |n| Chld.spawn(sh("sleep 0.1; exit #{n % 256}")) }
  ours.each_with_index { |child, n| equal(child.wait.exit_code, n % 256) }
  own.each_with_index { |thread, n| equal(thread.value.exitstatus, n) }
end

NUL = /contains null byte/

ITEMS = {
  "success" => -> { exits("exit 0", 0) },
  "failure" => -> { exits("exit 1", 1) },
  "pretender" => -> { exits("exit 143", 143) },
  "segfault" => -> { killed?("kill -SEGV $$", 11) },
  "abort" => -> { killed?("kill -ABRT $$", 6) },
  "missing" => lambda do
    fails("exec", "/no/such/program") { Chld.spawn(["/no/such/program"]) }
  end,
  "captured" => lambda do
    script = 'echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3'
    done = Chld.run(sh(script), input: "captured", cwd: "/", env: { "CHILD" => "captured" })
    equal([done.status.exit_code, done.stdout, done.stderr.bytesize],
          [3, "/ captured CAPTURED\n", 100_000])
  end,
  "slow" => lambda do
    done = Chld.run(sh("exec sleep 60"), timeout: 0.2, stop: { KILL: nil })
    equal([done.status.signal, done.timed_out], [9, true])
  end,
  "stopped" => -> { stops("kill -STOP $$; exit 7", 15, nil) },
  "caught" => -> { stops(TRAP, nil, 123) },
  "merged-stderr" => -> { writes(BOTH, "a\nb\n", "", err: :stdout) },
  "discarded" => lambda do
    writes(BOTH, "a\n", "", err: :null)
    writes(BOTH, "", "b\n", out: :null)
  end,
  "redirected" => -> { redirected },
  "large-output" => lambda do
    input = "0123456789" * 1_000_000
    done = Chld.run(sh("head -c 10000000 /dev/zero >&2; cat"), input: input)
    equal([done.stdout == input, done.stderr.bytesize], [true, 10_000_000])
  end,
  "bytes" => lambda do
    odd = "\xff\xfe\x80".b
    writes([*sh("printf '%s|%s' \"$1\" \"$BYTES\""), "sh", odd], "#{odd}|#{odd}".b, "",
           env: { "BYTES" => odd })
  end,
  "nul-argument" => -> { raises(ArgumentError, NUL) { Chld.run(["echo", "shown\0cut"]) } },
  "nul-environment" => lambda do
    raises(ArgumentError, NUL) { Chld.run(["true"], env: { "A\0B" => "value" }) }
    raises(ArgumentError, NUL) { Chld.run(["true"], env: { "A" => "val\0ue" }) }
    raises(ArgumentError, NUL) { Chld.run(["true"], env: { "A\0B" => nil }) }
  end,
  "nul-path" => lambda do
    raises(ArgumentError, NUL) { Chld.run(["true"], cwd: "/\0tmp") }
    raises(ArgumentError, NUL) { Chld.run(["true"], in: "/dev/null\0") }
  end,
  "string-for-list" => -> { raises(TypeError) { Chld.run("true") } },
  "timeout-partial" => lambda do
    done = Chld.run(sh("echo begun; exec sleep 60"), timeout: 0.3)
    equal([done.timed_out, done.stdout], [true, "begun\n"])
  end,
  "cancel # by Timeout" => -> { cancelled },
  "ctrl-c" => -> { ctrl_c },
  "beside" => -> { beside },
  "error-step" => lambda do
    fails("chdir", "/no/such/directory") { Chld.run(["true"], cwd: "/no/such/directory") }
  end
}.freeze

if ARGV[0] == "ctrl-c"
  interruptible
  exit 1
end

failed = false
ITEMS.each do |name, item|
  item.call
  puts "ok #{name}"
rescue StandardError => e
  failed = true
  puts "not ok #{name}: #{e.message.tr("\n", ' ')}"
end
exit !failed
