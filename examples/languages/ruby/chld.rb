# frozen_string_literal: true

# Child processes by libchld, with ruby-ffi.
#
#   Chld.spawn("ls", "-l") { |ls| puts "ls #{ls.wait}" }
#
#   sorted = Chld.run("sort", input: "pear\nfig\n", timeout: 5).stdout
#
# Other threads run while one waits. Process.spawn, Process.detach and Open3 can be
# used beside this: neither side waits for the other's children. Process.wait without
# a pid waits for any child, and would take ours: wait for yours by pid.
#
# The library is what CHLD_LIBRARY names, else libchld.so.0.

require "ffi"
require "io/wait"

module Chld
  STEP_CAPTURE = 29 # of chld_run(): it was not the start that failed

  # The functions and structs of chld.h.
  module Lib
    extend FFI::Library
    ffi_lib ENV.fetch("CHLD_LIBRARY", "libchld.so.0")

    class Status < FFI::Struct
      layout :state, :int32, :code, :int32, :core, :int32, :wait_word, :int32
    end

    class Error < FFI::Struct
      layout :code, :int32, :step, :int32, :index, :int32, :item, [:char, 112], :reason, :int32,
             :stage, :int32
    end

    class Stdio < FFI::Struct
      layout :mode, :uint32, :fd, :int32, :path, :pointer, :open_flags, :int32,
             :open_mode, :uint32
    end

    class SpawnOptions < FFI::Struct
      layout :size, :size_t, :flags, :uint64, :program, :pointer, :program_fd, :int32,
             :search, :uint32, :env, :pointer, :env_set, :pointer, :env_unset, :pointer,
             :cwd, :pointer, :cwd_fd, :int32, :umask, :uint32, :in, Stdio, :out, Stdio,
             :err, Stdio, :fds, :pointer, :fds_count, :size_t, :rows, :uint16,
             :columns, :uint16, :group_mode, :uint32, :group, :int32, :cgroup_fd, :int32,
             :limits, :pointer, :limits_count, :size_t, :cpus, :pointer, :cpus_size, :size_t,
             :groups, :pointer, :groups_count, :size_t, :gid, :uint32, :uid, :uint32,
             :nice, :int32, :death_signal, :int32, :signals_mode, :uint32,
             :mask_mode, :uint32, :ignored, :uint64, :blocked, :uint64, :reset, :uint64,
             :user, :pointer
    end

    class Feed < FFI::Struct
      layout :mode, :uint32, :flags, :uint32, :data, :pointer, :size, :size_t,
             :callback, :pointer, :argument, :pointer, :reserved, [:uint32, 4]
    end

    class Sink < FFI::Struct
      layout :mode, :uint32, :flags, :uint32, :buffer, :pointer, :size, :size_t,
             :callback, :pointer, :argument, :pointer, :fd, :int32, :reserved, [:uint32, 5]
    end

    class StopPlan < FFI::Struct
      layout :size, :size_t, :target, :uint32, :flags, :uint32, :steps, :pointer,
             :steps_count, :size_t
    end

    class CaptureOptions < FFI::Struct
      layout :size, :size_t, :flags, :uint32, :timeout_ms, :int32, :in, Feed, :out, Sink,
             :err, Sink, :stop, :pointer, :cancel_fd, :int32, :reserved, :uint32
    end

    class Captured < FFI::Struct
      layout :total, :uint64, :kept, :uint64, :from_head, :uint64, :passed, :uint64,
             :data, :pointer, :truncated, :int32, :held, :int32, :error, :int32,
             :stopped, :int32, :pass_error, :int32, :reserved, [:uint32, 5]
    end

    class CaptureResult < FFI::Struct
      layout :status, Status, :out, Captured, :err, Captured, :fed, :uint64,
             :feed_error, :int32, :timed_out, :int32, :cancelled, :int32, :step, :int32,
             :signal, :int32, :pid, :int32, :elapsed_ns, :uint64, :usage, [:uint64, 9],
             :reserved, [:uint64, 4]
    end

    attach_function :chld_spawn, %i[pointer pointer pointer pointer], :int
    attach_function :chld_wait, %i[uint64 int pointer], :int
    attach_function :chld_kill, %i[uint64 int], :int
    attach_function :chld_pid, %i[uint64], :int
    attach_function :chld_exit_fd, %i[uint64], :int
    attach_function :chld_close, %i[uint64], :int
    attach_function :chld_status_text, %i[pointer pointer size_t], :int
    attach_function :chld_status_shell_code, %i[pointer], :int
    attach_function :chld_error_text, %i[pointer pointer size_t], :int
    attach_function :chld_step_name, %i[int], :string
    attach_function :chld_buffer_free, %i[pointer], :int
    attach_function :chld_engine, [], :int
    # These block: other threads run meanwhile.
    attach_function :chld_wait_change, %i[uint64 uint32 int pointer], :int, blocking: true
    attach_function :chld_run, %i[pointer pointer pointer pointer pointer], :int, blocking: true
  end

  # A child could not be started: errno, step ("exec", "chdir", …) and index.
  class SpawnError < StandardError
    attr_reader :errno, :step, :index

    def initialize(error)
      @errno, @index = error[:code], error[:index]
      @step = Lib.chld_step_name(error[:step])
      super(Chld.text(:chld_error_text, error))
    end
  end

  # How a child is, or how it ended. to_s says it in words.
  class Status
    attr_reader :state, :code, :core, :wait_word

    def initialize(raw)
      @raw = raw
      @state, @code, @core, @wait_word = raw.values
    end

    def success? = code.zero?

    # What a shell's $? would be.
    def shell_code = Chld.check(Lib.chld_status_shell_code(@raw))

    def to_s = Chld.text(:chld_status_text, @raw)
  end

  # A child, until close, which does not end it, or the end of spawn's block.
  class Child
    def initialize(id)
      @id = id
      ObjectSpace.define_finalizer(self, Child.closer(id))
    end

    # Not in initialize: a proc that knows its object keeps it for ever.
    def self.closer(id) = proc { Lib.chld_close(id) }

    # Its Status when it has ended; nil if not within so many seconds.
    def wait(timeout = nil)
      fd = Chld.check(Lib.chld_exit_fd(@id))
      IO.for_fd(fd, autoclose: false).wait_readable(timeout) or return
      status = Lib::Status.new
      Chld.check(Lib.chld_wait(@id, 0, status))
      Status.new(status)
    end

    # The next stop, continuation, or its end.
    def change
      status = Lib::Status.new
      Chld.check(Lib.chld_wait_change(@id, 0, -1, status))
      Status.new(status)
    end

    # Raises Errno::ESRCH if it has ended, and never hits anybody else.
    def kill(signal) = Chld.check(Lib.chld_kill(@id, Chld.number(signal)))

    def pid = Chld.check(Lib.chld_pid(@id))

    def close = Lib.chld_close(@id)
  end

  Output = Struct.new(:status, :stdout, :stderr, :timed_out)

  class << self
    # cwd:, env: (a hash of what to set), in:, out:, err: (an IO, or nil for /dev/null),
    # and any other member of chld_spawn_options by its name.
    def spawn(*argv, **how)
      id, error, kept = FFI::MemoryPointer.new(:uint64), Lib::Error.new, []
      failed = Lib.chld_spawn(id, strings(argv, kept), options(how, kept), error)
      raise SpawnError, error if failed.negative?

      child = Child.new(id.read_uint64)
      return child unless block_given?

      begin
        yield child
      ensure
        child.close
      end
    end

    # Runs a child and keeps what it writes. After `timeout` seconds it is ended by
    # `stop`, a hash of signals and seconds to wait after each (nil for any time), by
    # default SIGTERM and, two seconds later, SIGKILL. What it had written is there.
    def run(*argv, input: "", timeout: nil, stop: {}, **how)
      result, error, kept = Lib::CaptureResult.new, Lib::Error.new, []
      capture = capture(input, timeout, plan(stop, kept), kept)
      failed = Lib.chld_run(strings(argv, kept), options(how, kept), capture, result, error)
      raise SpawnError, error if failed.negative? && error[:step] != STEP_CAPTURE

      out, err = taken(result[:out]), taken(result[:err])
      check(failed)
      Output.new(Status.new(result[:status]), out, err, result[:timed_out] == 1)
    end

    def engine = { 1 => "pidfd", 2 => "sigchld" }[Lib.chld_engine]

    # Raises what Ruby has for the errno: Errno::ESRCH, …
    def check(result)
      raise SystemCallError.new(nil, -result) if result.negative?

      result
    end

    def text(function, thing)
      buffer = FFI::MemoryPointer.new(:char, 512)
      check(Lib.public_send(function, thing, buffer, buffer.size))
      buffer.read_string.force_encoding(Encoding.default_external)
    end

    def number(signal)
      signal.is_a?(Integer) ? signal : Signal.list.fetch(signal.to_s.delete_prefix("SIG"))
    end

    private

    # What C is to point at is put into `kept`, which must live until the call is over.
    def string(word, kept)
      kept << FFI::MemoryPointer.from_string(word.to_s)
      kept.last
    end

    def strings(words, kept)
      kept << FFI::MemoryPointer.new(:pointer, words.size + 1)
      kept.last.write_array_of_pointer(words.map { |word| string(word, kept) })
    end

    def options(how, kept)
      all = Lib::SpawnOptions.new
      all[:size] = all.size
      how.each do |name, value|
        case name
        when :cwd then all[:cwd] = string(value, kept)
        when :env then all[:env_set] = strings(value.map { |pair| pair.join("=") }, kept)
        when :in, :out, :err then stream(all[name], value)
        else all[name] = value
        end
      end
      all
    end

    def stream(stdio, file)
      stdio[:mode] = file ? 3 : 1
      stdio[:fd] = file.fileno if file
    end

    def milliseconds(seconds) = seconds ? (seconds * 1000).ceil.clamp(0..) : -1

    def plan(steps, kept)
      numbers = FFI::MemoryPointer.new(:int32, 2 * steps.size + 1)
      numbers.write_array_of_int32(steps.flat_map { |s, wait| [number(s), milliseconds(wait)] })
      plan = Lib::StopPlan.new
      plan[:size], plan[:steps], plan[:steps_count] = plan.size, numbers, steps.size
      kept.push(numbers, plan)
      plan
    end

    def capture(input, timeout, plan, kept)
      kept << FFI::MemoryPointer.new(:char, input.bytesize + 1).put_bytes(0, input)
      capture = Lib::CaptureOptions.new
      capture[:size], capture[:stop] = capture.size, plan
      capture[:timeout_ms] = timeout ? milliseconds(timeout).clamp(1..) : -1 # 0: no limit
      capture[:in][:mode], capture[:in][:size] = 1, input.bytesize
      capture[:in][:data] = kept.last
      capture[:out][:mode] = capture[:err][:mode] = 4
      capture
    end

    def taken(captured)
      captured[:data].null? ? "".b : captured[:data].read_bytes(captured[:kept])
    ensure
      Lib.chld_buffer_free(captured[:data])
    end
  end
end
