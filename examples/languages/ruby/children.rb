# frozen_string_literal: true

# The ten children of children.txt, in Ruby, and Process.detach's beside chld's.
#
#   ruby children.rb ../children.txt

require_relative "chld"

BESIDE = 40

def describe(status)
  format(" %s (state %d, code %d, word 0x%04x, $? %d)",
         status, status.state, status.code, status.wait_word, status.shell_code)
end

WAYS = {
  "wait" => ->(argv, _) { Chld.spawn(*argv) { |child| describe(child.wait) } },
  "run" => lambda do |argv, name|
    done = Chld.run(*argv, input: name, cwd: "/", env: { "CHILD" => name })
    "#{describe(done.status)} out: #{done.stdout.lines(chomp: true).first} " \
      "err: #{done.stderr.bytesize} bytes"
  end,
  "limit" => lambda do |argv, _|
    done = Chld.run(*argv, timeout: 0.2, stop: { KILL: nil })
    describe(done.status) + (done.timed_out ? " at the limit" : " by itself")
  end,
  "stop" => lambda do |argv, _|
    Chld.spawn(*argv) do |child|
      stopped = child.change
      child.kill(:TERM)
      child.kill(:CONT)
      describe(stopped) + describe(child.wait)
    end
  end
}.tap { |ways| ways["exec"] = ways["wait"] }.freeze

File.foreach(ARGV[0], chomp: true) do |line|
  name, way, what = line.match(/^(\w+)\s+(\w+)\s+(.+)$/)&.captures
  next unless name

  said = begin
    WAYS[way].call(way == "exec" ? [what] : ["sh", "-c", what], name)
  rescue Chld::SpawnError => e
    " #{e.message} (step #{e.step}, index #{e.index}, errno #{e.errno})"
  end
  puts "#{name}:#{said}"
end

# A thread for each: Process.detach makes its own, and waits for the pid in it.
own, ours = (1..BESIDE).map do |n|
  code = 100 + n
  [Process.detach(Process.spawn("sh", "-c", "sleep 0.1; exit #{n}")),
   Thread.new { Chld.spawn("sh", "-c", "sleep 0.1; exit #{code}", &:wait) }]
end.transpose
own_right = own.each.with_index(1).count { |thread, n| thread.value.exitstatus == n }
ours_right = ours.each.with_index(1).count { |thread, n| thread.value.code == 100 + n }
puts "beside: #{own_right} of #{BESIDE} of its own, #{ours_right} of #{BESIDE} of chld"
puts "engine: #{Chld.engine}"
