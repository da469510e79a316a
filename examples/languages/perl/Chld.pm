package Chld;

# Child processes by libchld, with FFI::Platypus.
#
#     my $ls = Chld->spawn('ls', '-l');
#     print 'ls ', $ls->wait, "\n";
#
#     my $sorted = Chld::run(['sort'], input => "pear\nfig\n", timeout => 5);
#
# A child is closed when the last reference goes, which does not end it. What fails
# dies with a Chld::Error: errno, text, and for a start step and index. fork, system
# and $SIG{CHLD} can be used beside this, but wait() and waitpid(-1, …) wait for any
# child, and would take ours: wait for yours by pid.
#
# The library is what CHLD_LIBRARY names, else libchld.so.0.

use strict;
use warnings;
use Errno ();
use FFI::Platypus 1.00;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $ffi = FFI::Platypus->new(api => 1, lib => $ENV{CHLD_LIBRARY} // 'libchld.so.0');
my $STEP_CAPTURE = 29;    # of chld_run(): it was not the start that failed
my ($STATUS, $ERROR, $RESULT) = ('l4', 'l3 Z112 l2', 'l4 (Q4 J l10)2 Q l6 Q14');
my ($status, $error, $result) = map { 'record(' . length(blank($_)) . ')*' } $STATUS, $ERROR, $RESULT;
my %int = (
    spawn => ['uint64*', 'string', 'string', $error],
    run => ['string', 'string', 'string', $result, $error],
    wait => ['uint64', 'int', $status],
    wait_change => ['uint64', 'uint32', 'int', $status],
    kill => ['uint64', 'int'],
    pid => ['uint64'],
    exit_fd => ['uint64'],
    close => ['uint64'],
    status_text => [$status, 'record(512)*', 'size_t'],
    status_shell_code => [$status],
    error_text => [$error, 'record(512)*', 'size_t'],
    signal_number => ['string'],
    buffer_free => ['opaque'],
    engine => [],
);
$ffi->attach(["chld_$_" => "c_$_"] => $int{$_} => 'int') for keys %int;
$ffi->attach([chld_step_name => 'c_step_name'] => ['int'] => 'string');

# Structs: the members in their order, with pack()'s letter for each. They are all
# where pack() puts them, with no gaps.
my @options = (
    size => 'Q', flags => 'Q', program => 'p', program_fd => 'l', search => 'L', env => 'p',
    env_set => 'p', env_unset => 'p', cwd => 'p', cwd_fd => 'l', umask => 'L',
    (map { ("${_}_mode" => 'L', "${_}_fd" => 'l', "${_}_path" => 'p', "${_}_flags" => 'l',
            "${_}_perms" => 'L') } qw(in out err)),
    fds => 'p', fds_count => 'Q', rows => 'S', columns => 'S', group_mode => 'L', group => 'l',
    cgroup_fd => 'l', limits => 'p', limits_count => 'Q', cpus => 'p', cpus_size => 'Q',
    groups => 'p', groups_count => 'Q', gid => 'L', uid => 'L', nice => 'l',
    death_signal => 'l', signals_mode => 'L', mask_mode => 'L', ignored => 'Q',
    blocked => 'Q', reset => 'Q', user => 'p',
);
my @plan = (size => 'Q', target => 'L', flags => 'L', steps => 'p', steps_count => 'Q');
my @capture = (
    size => 'Q', flags => 'L', timeout_ms => 'l', in_mode => 'L', in_flags => 'L',
    in_data => 'p', in_size => 'Q', in_callback => 'p', in_argument => 'p',
    (map { ("in_reserved$_" => 'L') } 1 .. 4),
    (map { my $stream = $_;
           ("${_}_mode" => 'L', "${_}_flags" => 'L', "${_}_buffer" => 'p', "${_}_size" => 'Q',
            "${_}_callback" => 'p', "${_}_argument" => 'p', "${_}_fd" => 'l',
            map { ("${stream}_reserved$_" => 'L') } 1 .. 5) } qw(out err)),
    stop => 'p', cancel_fd => 'l', reserved => 'L',
);

# A struct with these members, and zero for the others. Pointers lead into %$values,
# which must live as long as they are used.
sub make {
    my ($members, $values) = @_;
    my @names = @$members[grep { $_ % 2 == 0 } 0 .. $#$members];
    my %letter = @$members;
    my $template = join '', @letter{@names};
    $values->{size} = length blank($template);
    $values->{$_} //= $letter{$_} eq 'p' ? undef : 0 for @names;
    return pack $template, @$values{@names};
}

# A char *[] with NULL at its end, into @$kept.
sub strings {
    my ($words, $kept) = @_;
    push @$kept, map {"$_"} @$words;
    return pack 'p*', @$kept[@$kept - @$words .. $#$kept], undef;
}

sub blank {
    my ($template) = @_;
    no warnings;    # of pack(), about numbers and pointers to them
    return pack $template, map { undef } 1 .. 60;
}

sub check {
    my ($result) = @_;
    return $result if $result >= 0;
    local $! = -$result;
    die bless {errno => -$result, text => "$!"}, 'Chld::Error';
}

sub start_failed {
    my ($error) = @_;
    my ($errno, $step, $index) = unpack $ERROR, $error;
    die bless {
        errno => $errno, step => c_step_name($step), index => $index,
        text => text(\&c_error_text, $error),
    }, 'Chld::Error';
}

sub text {
    my ($say, $thing) = @_;
    my $buffer = "\0" x 512;
    check($say->($thing, $buffer, length $buffer));
    return unpack 'Z*', $buffer;
}

sub milliseconds {
    my ($seconds) = @_;
    return defined $seconds ? int($seconds * 1000 + 0.999) : -1;
}

# The options and what they point to: cwd, env (a hash of what to set), and members
# of chld_spawn_options by their names.
sub options {
    my ($how, $kept) = @_;
    my %values = %$how;
    my $env = delete $values{env};
    $values{env_set} = strings([map {"$_=$env->{$_}"} keys %$env], $kept) if $env;
    push @$kept, \%values;
    return make(\@options, \%values);
}

sub spawn {
    my ($class, @argv) = @_;
    my $how = ref $argv[-1] ? pop @argv : {};
    my ($id, $error, @kept) = (0, blank($ERROR));
    my $words = strings(\@argv, \@kept);
    start_failed($error) if c_spawn(\$id, $words, options($how, \@kept), $error) < 0;
    return bless {id => $id}, $class;
}

# How it ended; undef if not within so many seconds. It sleeps in select(), so that
# %SIG handlers run meanwhile, which they would not in a wait in C.
sub wait {
    my ($self, $seconds) = @_;
    my $end = defined $seconds ? clock_gettime(CLOCK_MONOTONIC) + $seconds : undef;
    my ($status, $fd) = (blank($STATUS), check(c_exit_fd($self->{id})));
    while ((my $result = c_wait($self->{id}, 0, $status)) != 0) {
        check($result) if $result != -Errno::ETIMEDOUT();
        my $left = defined $end ? $end - clock_gettime(CLOCK_MONOTONIC) : undef;
        return if defined $left && $left <= 0;
        vec(my $ready = '', $fd, 1) = 1;
        select $ready, undef, undef, $left;
    }
    return Chld::Status->new($status);
}

# The next stop, continuation, or its end.
sub change {
    my ($self) = @_;
    my $status = blank($STATUS);
    check(c_wait_change($self->{id}, 0, -1, $status));
    return Chld::Status->new($status);
}

# Dies with ESRCH if it has ended, and never hits anybody else.
sub kill {
    my ($self, $signal) = @_;
    check(c_kill($self->{id}, check(c_signal_number($signal))));
    return $self;
}

sub pid { return check(c_pid($_[0]{id})) }

sub DESTROY { c_close($_[0]{id}) }

# Runs a child and keeps what it writes: a hash of status, out, err, timed_out. It has
# `input`, and `timeout` in seconds, at which the child is sent `signal`, or SIGTERM
# and, two seconds later, SIGKILL. Anything else is as for spawn().
sub run {
    my ($argv, %how) = @_;
    my ($input, $timeout, $signal) = (delete $how{input} // '', delete @how{qw(timeout signal)});
    my $limit = milliseconds($timeout);
    my ($result, $error, @kept) = (blank($RESULT), blank($ERROR));
    my %plan = (steps => defined $signal ? pack('ll', check(c_signal_number($signal)), -1) : '');
    $plan{steps_count} = 1 if defined $signal;
    my %capture = (
        timeout_ms => $limit == 0 ? 1 : $limit, stop => make(\@plan, \%plan),
        in_mode => 1, in_data => $input, in_size => length $input, out_mode => 4, err_mode => 4,
    );
    my $failed = c_run(strings($argv, \@kept), options(\%how, \@kept),
        make(\@capture, \%capture), $result, $error);
    start_failed($error) if $failed < 0 && (unpack $ERROR, $error)[1] != $STEP_CAPTURE;
    my @all = unpack $RESULT, $result;
    my ($out, $err) = map { taken(@all[$_ + 1, $_ + 4]) } 4, 19;
    check($failed);
    return {
        status => Chld::Status->new(substr $result, 0, 16), out => $out, err => $err,
        timed_out => $all[36],
    };
}

sub taken {
    my ($size, $data) = @_;
    my $bytes = $size ? unpack("P$size", pack 'J', $data) : '';
    c_buffer_free($data || undef);
    return $bytes;
}

sub engine { return c_engine() == 1 ? 'pidfd' : 'sigchld' }

# How a child is, or how it ended: state, code, core, wait_word. As a string, in words.
package Chld::Status;

use overload '""' => sub { Chld::text(\&Chld::c_status_text, $_[0]{raw}) }, fallback => 1;

sub new {
    my ($class, $raw) = @_;
    my %self = (raw => $raw);
    @self{qw(state code core wait_word)} = unpack $STATUS, $raw;
    return bless \%self, $class;
}

sub shell_code { return Chld::check(Chld::c_status_shell_code($_[0]{raw})) }

package Chld::Error;

use overload '""' => sub { $_[0]{text} }, fallback => 1;

1;
