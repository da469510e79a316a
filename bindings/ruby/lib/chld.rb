# frozen_string_literal: true

# Child processes by libchld: see README.md.
#
#   sorted = Chld.run(["sort"], input: "pear\nfig\n", timeout: 5).stdout
#
#   Chld.spawn(["ls", "-l"]) { |ls| puts "ls #{ls.wait}" }
#
# Other threads run while one waits, and an exception (Interrupt, Timeout, Thread#raise)
# ends a wait at once. The library is what CHLD_LIBRARY names, else libchld.so.0.

require "ffi"
require "io/wait"

module Chld
  VERSION = "0.1.0"

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

    class StreamResult < FFI::Struct
      layout :total, :uint64, :kept, :uint64, :from_head, :uint64, :passed, :uint64,
             :data, :pointer, :truncated, :int32, :held, :int32, :error, :int32,
             :stopped, :int32, :pass_error, :int32, :reserved, [:uint32, 5]
    end

    class CaptureResult < FFI::Struct
      layout :status, Status, :out, StreamResult, :err, StreamResult, :fed, :uint64,
             :feed_error, :int32, :timed_out, :int32, :cancelled, :int32, :step, :int32,
             :signal, :int32, :pid, :int32, :elapsed_ns, :uint64, :usage, [:uint64, 9],
             :reserved, [:uint64, 4]
    end

    class Event < FFI::Struct
      layout :kind, :uint32, :last, :int32, :id, :uint64, :user, :pointer, :index, :size_t,
             :status, Status, :capture, :pointer, :pipeline, :pointer, :reserved, [:uint64, 4]
    end

    attach_function :chld_spawn, %i[pointer pointer pointer pointer], :int
    attach_function :chld_wait, %i[uint64 int pointer], :int
    attach_function :chld_kill, %i[uint64 int], :int
    attach_function :chld_pid, %i[uint64], :int
    attach_function :chld_exit_fd, %i[uint64], :int
    attach_function :chld_close, %i[uint64], :int
    attach_function :chld_set_open, %i[uint32 pointer], :int
    attach_function :chld_set_add, %i[uint64 uint64 uint32], :int
    attach_function :chld_set_run, %i[uint64 pointer pointer pointer pointer pointer], :int
    attach_function :chld_set_stop, %i[uint64 uint64 int pointer], :int
    attach_function :chld_set_count, %i[uint64], :int
    attach_function :chld_set_fd, %i[uint64], :int
    attach_function :chld_set_next, %i[uint64 pointer], :int
    attach_function :chld_set_close, %i[uint64], :int
    attach_function :chld_status_text, %i[pointer pointer size_t], :int
    attach_function :chld_status_shell_code, %i[pointer], :int
    attach_function :chld_error_text, %i[pointer pointer size_t], :int
    attach_function :chld_step_name, %i[int], :string
    attach_function :chld_engine, [], :int
  end

  # A child could not be started: errno, step ("exec", "chdir", …), item and index.
  class SpawnError < StandardError
    attr_reader :errno, :step, :item, :index

    def initialize(error)
      @errno, @index = error[:code], error[:index]
      @step = Lib.chld_step_name(error[:step])
      @item = error[:item].to_s
      super(Chld.text(:chld_error_text, error))
    end
  end

  # How a child is, or how it exited; to_s has the words. `signal` is the number of the signal
  # that killed, stopped or continued it, `exit_code` that of an exit, else nil.
  class Status
    attr_reader :state, :code, :core, :wait_word

    STATES = { 0 => :running, 1 => :exited, 2 => :killed, 3 => :dumped, 5 => :stopped,
               6 => :continued, 15 => :lost }.freeze

    def initialize(raw)
      @raw = raw
      number, @code, @core, @wait_word = raw.values
      @state = STATES[number]
    end

    def success? = exit_code == 0

    def exit_code = (@code if @state == :exited)

    def signal = (@code if %i[killed dumped stopped continued].include?(@state))

    # What a shell's $? would be.
    def shell_code = Chld.check(Lib.chld_status_shell_code(@raw))

    def to_s = Chld.text(:chld_status_text, @raw)
  end

  # A set with the events of one child. It sleeps in Ruby, where exceptions end that.
  class Events
    def initialize
      box = FFI::MemoryPointer.new(:uint64)
      Chld.check(Lib.chld_set_open(0, box))
      @set = box.read_uint64
      @io = IO.for_fd(Chld.check(Lib.chld_set_fd(@set)), autoclose: false)
    end

    attr_reader :set

    # The next event; nil if there is none within `timeout` seconds.
    def next(timeout = nil)
      event = Lib::Event.new
      deadline = timeout && (now + timeout)
      until (result = Lib.chld_set_next(@set, event)).zero?
        Chld.check(result) unless result == -Errno::EAGAIN::Errno
        left = deadline && (deadline - now)
        return if left && left <= 0

        @io.wait_readable(left)
      end
      event
    end

    def any? = Lib.chld_set_count(@set).positive?

    def close = Lib.chld_set_close(@set)

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end

  # A child, until close, which leaves it running, or until the end of spawn's block.
  class Child
    def initialize(id)
      @id = id
      ObjectSpace.define_finalizer(self, Child.closer(id))
    end

    # Not in initialize: a proc that has its object keeps it forever.
    def self.closer(id) = proc { Lib.chld_close(id) }

    # Its Status when it has exited; nil if not within this number of seconds.
    def wait(timeout = nil)
      fd = Chld.check(Lib.chld_exit_fd(@id))
      IO.for_fd(fd, autoclose: false).wait_readable(timeout) or return
      status = Lib::Status.new
      Chld.check(Lib.chld_wait(@id, 0, status))
      Status.new(status)
    end

    # Its next stop, continuation, or exit; nil if nothing happened within this number of seconds.
    def change(timeout = nil)
      events = Events.new
      Chld.check(Lib.chld_set_add(events.set, @id, 3))
      event = events.next(timeout) or return
      Status.new(event[:status])
    ensure
      events&.close
    end

    # Raises Errno::ESRCH if it has exited, and never hits another process.
    def kill(signal) = Chld.check(Lib.chld_kill(@id, Chld.number(signal)))

    def pid = Chld.check(Lib.chld_pid(@id))

    def close = Lib.chld_close(@id)
  end

  Output = Struct.new(:status, :stdout, :stderr, :timed_out)

  class << self
    # argv: an array, the program first. cwd:, env: (a hash of what to set, or with nil to
    # remove), in:, out:, err: (:inherit, :null, an IO or the path of a file; for err also
    # :stdout, for out :stderr), and members of chld_spawn_options by their names.
    def spawn(argv, **how)
      id, error, kept = FFI::MemoryPointer.new(:uint64), Lib::Error.new, []
      failed = Lib.chld_spawn(id, arguments(argv, kept), options(how, kept), error)
      raise SpawnError, error if failed.negative?

      child = Child.new(id.read_uint64)
      return child unless block_given?

      begin
        yield child
      ensure
        child.close
      end
    end

    # Runs a child and keeps what it writes to the streams that are not set. After `timeout`
    # seconds it is stopped by `stop`, a hash of signals and seconds to wait after each (nil
    # for any time), by default SIGTERM and, two seconds later, SIGKILL. What it had written is
    # there. An exception stops it in the same way.
    def run(argv, input: nil, timeout: nil, stop: {}, **how)
      kept, id, error = [], FFI::MemoryPointer.new(:uint64), Lib::Error.new
      how = { in: :null, **how } unless input
      words, spawn = arguments(argv, kept), options(how, kept)
      plan = plan(stop, kept)
      capture = capture(input, timeout, plan, how, kept)
      events = Events.new
      failed = Lib.chld_set_run(events.set, words, spawn, capture, id, error)
      raise SpawnError, error if failed.negative?

      output_of(captured(events, id.read_uint64, plan))
    ensure
      Lib.chld_close(id.read_uint64) if id
      events&.close
      kept&.clear # what C has used until now
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

    # The last event. If an exception ends the wait, the child is stopped first.
    def captured(events, id, plan)
      event = events.next until event && event[:last] == 1
      event
    rescue Exception # rubocop:disable Lint/RescueException -- it is raised again
      Thread.handle_interrupt(Object => :never) do
        # It may come after the last event.
        Lib.chld_set_stop(events.set, id, 0, plan) if events.any?
        events.next while events.any?
      end
      raise
    end

    def output_of(event)
      result = Lib::CaptureResult.new(event[:capture])
      status = Lib::Status.new.tap { |copy| copy.members.each { |m| copy[m] = result[:status][m] } }
      Output.new(Status.new(status), bytes(result[:out]), bytes(result[:err]),
                 result[:timed_out] == 1)
    end

    def bytes(stream)
      stream[:data].null? ? "".b : stream[:data].read_bytes(stream[:kept])
    end

    # What C points to is put into `kept`, which must live until the call is over.
    def string(word, kept)
      text = word.respond_to?(:to_path) ? word.to_path : word.to_str
      raise ArgumentError, "string contains null byte: #{text.inspect}" if text.b.include?("\0")

      kept << FFI::MemoryPointer.from_string(text)
      kept.last
    end

    def strings(words, kept)
      pointers = words.map { |word| string(word, kept) }
      kept << FFI::MemoryPointer.new(:pointer, words.size + 1)
      kept.last.write_array_of_pointer(pointers)
    end

    def arguments(argv, kept)
      raise TypeError, "no array of arguments: #{argv.inspect}" unless argv.is_a?(Array)

      strings(argv, kept)
    end

    def options(how, kept)
      all = Lib::SpawnOptions.new
      all[:size] = all.size
      how.each do |name, value|
        case name
        when :cwd then all[:cwd] = string(value, kept)
        when :env then environment(all, value, kept)
        when :in, :out, :err then stream(all[name], value, kept)
        else all[name] = value
        end
      end
      all
    end

    def environment(all, variables, kept)
      wrong = variables.keys.find { |name| name.empty? || name.include?("=") }
      raise ArgumentError, "not a name of a variable: #{wrong.inspect}" if wrong

      unset, set = variables.partition { |_, value| value.nil? }
      all[:env_set] = strings(set.map { |name, value| "#{name}=".b + value.b }, kept)
      all[:env_unset] = strings(unset.map(&:first), kept)
    end

    MODES = { inherit: 0, null: 1, stdout: 5, closed: 6, stderr: 8 }.freeze

    def stream(stdio, how, kept)
      case how
      when Symbol then stdio[:mode] = MODES.fetch(how)
      when IO then stdio[:mode], stdio[:fd] = 3, how.fileno
      else stdio[:mode], stdio[:path] = 4, string(how, kept)
      end
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

    def capture(input, timeout, plan, how, kept)
      capture = Lib::CaptureOptions.new
      capture[:size], capture[:stop] = capture.size, plan
      capture[:timeout_ms] = timeout ? milliseconds(timeout).clamp(1..) : -1 # 0: no timeout
      if input
        kept << FFI::MemoryPointer.new(:char, input.bytesize + 1).put_bytes(0, input)
        capture[:in][:mode], capture[:in][:size] = 1, input.bytesize
        capture[:in][:data] = kept.last
      end
      capture[:out][:mode] = 4 unless how.key?(:out)
      capture[:err][:mode] = 4 unless how.key?(:err)
      capture
    end
  end
end
