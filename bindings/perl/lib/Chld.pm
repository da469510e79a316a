package Chld;

our $VERSION = '0.1.0';

# Child processes by libchld, with FFI::Platypus: see README.md.
#
#     my $sorted = Chld::run(['sort'], input => "pear\nfig\n", timeout => 5);
#     print $sorted->{out}, $sorted->{status}, "\n";
#
# What fails dies with a Chld::Error: errno, text, and for a start step, item and index.
#
# The library is what CHLD_LIBRARY names, else libchld.so.0.

use strict;
use warnings;
use Carp qw(croak);
use Errno ();
use FFI::Platypus 1.00;
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $ffi = FFI::Platypus->new(api => 1, lib => $ENV{CHLD_LIBRARY} // 'libchld.so.0');
my ($STATUS, $ERROR, $RESULT) = ('l4', 'l3 Z112 l2', 'l4 (Q4 J l10)2 Q l6 Q14');
my $EVENT = 'L l Q J J l4 J J Q4';
my ($status, $error, $event) = map { 'record(' . length(blank($_)) . ')*' } $STATUS, $ERROR, $EVENT;
my %int = (
    spawn => ['uint64*', 'string', 'string', $error],
    set_open => ['uint32', 'uint64*'],
    set_add => ['uint64', 'uint64', 'uint32'],
    set_run => ['uint64', 'string', 'string', 'string', 'uint64*', $error],
    set_stop => ['uint64', 'uint64', 'int', 'string'],
    set_fd => ['uint64'],
    set_count => ['uint64'],
    set_next => ['uint64', $event],
    set_close => ['uint64'],
    wait => ['uint64', 'int', $status],
    kill => ['uint64', 'int'],
    pid => ['uint64'],
    exit_fd => ['uint64'],
    close => ['uint64'],
    status_text => [$status, 'record(512)*', 'size_t'],
    status_shell_code => [$status],
    error_text => [$error, 'record(512)*', 'size_t'],
    signal_number => ['string'],
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

# A string for C, which would see only what is before a NUL. Characters become UTF-8.
sub bytes_of {
    my ($text, $what) = @_;
    croak("a string is wanted for $what") if !defined $text || ref $text && !length "$text";
    my $bytes = "$text";
    utf8::encode($bytes) if utf8::is_utf8($bytes);
    croak("a NUL in $what") if index($bytes, "\0") >= 0;
    return $bytes;
}

# A char *[] with NULL at its end, into @$kept.
sub strings {
    my ($words, $what, $kept) = @_;
    push @$kept, map { bytes_of($_, $what) } @$words;
    return pack 'p*', @$kept[@$kept - @$words .. $#$kept], undef;
}

sub arguments {
    my ($argv, $kept) = @_;
    croak('a reference to an array of arguments is wanted') if ref $argv ne 'ARRAY';
    return strings($argv, 'an argument', $kept);
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
    my ($errno, $step, $index, $item) = unpack $ERROR, $error;
    die bless {
        errno => $errno, step => c_step_name($step), index => $index, item => $item,
        text => text(\&c_error_text, $error),
    }, 'Chld::Error';
}

sub text {
    my ($say, $thing) = @_;
    my $buffer = "\0" x 512;
    check($say->($thing, $buffer, length $buffer));
    return unpack 'Z*', $buffer;
}

# Rounded up, and -1 for any time.
sub milliseconds {
    my ($seconds) = @_;
    return -1 if !defined $seconds || $seconds > 2_000_000;
    return POSIX::ceil($seconds * 1000);
}

my %MODES = (inherit => 0, null => 1, pipe => 2, stdout => 5, closed => 6, stderr => 8);

# A stream: a name of %MODES, a file handle, or {path => …}.
sub stream {
    my ($values, $name, $how) = @_;
    if (ref $how eq 'HASH') {
        $values->{"${name}_mode"} = 4;
        $values->{"${name}_path"} = bytes_of($how->{path}, "the path of $name");
    } elsif (!ref $how && exists $MODES{$how}) {
        $values->{"${name}_mode"} = $MODES{$how};
    } else {
        my $fd = fileno $how // croak("$name is not open");
        @$values{"${name}_mode", "${name}_fd"} = (3, $fd);
    }
    return;
}

sub environment {
    my ($values, $variables, $kept) = @_;
    croak("not a name of a variable: '$_'") for grep { $_ eq '' || /=/ } keys %$variables;
    my @set = grep { defined $variables->{$_} } keys %$variables;
    my @unset = grep { !defined $variables->{$_} } keys %$variables;
    # Joined as bytes: one part may have characters.
    my @pairs = map { join '=', bytes_of($_, 'a variable'),
                      bytes_of($variables->{$_}, 'a variable') } @set;
    $values->{env_set} = strings(\@pairs, 'a variable', $kept);
    $values->{env_unset} = strings(\@unset, 'a variable', $kept);
    return;
}

# The options and what they point to: cwd, env (a hash of what to set, or with undef to
# remove), in, out, err, and members of chld_spawn_options by their names.
sub options {
    my ($how, $kept) = @_;
    my %values = %$how;
    for my $name (qw(in out err)) {
        stream(\%values, $name, delete $values{$name}) if exists $values{$name};
    }
    environment(\%values, delete $values{env}, $kept) if $values{env};
    for my $name (grep { defined $values{$_} } qw(cwd program)) {
        $values{$name} = bytes_of($values{$name}, $name);
    }
    push @$kept, \%values;
    return make(\@options, \%values);
}

# Starts a child. It is closed when the last reference goes, which leaves it running.
sub spawn {
    my ($class, $argv, %how) = @_;
    my ($id, $error, @kept) = (0, blank($ERROR));
    my $words = arguments($argv, \@kept);
    start_failed($error) if c_spawn(\$id, $words, options(\%how, \@kept), $error) < 0;
    return bless {id => $id}, $class;
}

# Sleeps until a descriptor is readable, a signal has come, or this time is over: handlers in
# %SIG run then, which they would not in a wait in C.
sub sleep_for {
    my ($fd, $seconds) = @_;
    vec(my $ready = '', $fd, 1) = 1;
    select $ready, undef, undef, $seconds;
    return;
}

# How it exited; undef if not within this number of seconds.
sub wait {
    my ($self, $seconds) = @_;
    my $end = defined $seconds ? clock_gettime(CLOCK_MONOTONIC) + $seconds : undef;
    my ($status, $fd) = (blank($STATUS), check(c_exit_fd($self->{id})));
    while ((my $result = c_wait($self->{id}, 0, $status)) != 0) {
        check($result) if $result != -Errno::ETIMEDOUT();
        my $left = defined $end ? $end - clock_gettime(CLOCK_MONOTONIC) : undef;
        return if defined $left && $left <= 0;
        sleep_for($fd, $left);
    }
    return Chld::Status->new($status);
}

# Its next stop, continuation, or exit.
sub change {
    my ($self) = @_;
    my $events = Chld::Events->new;
    check(c_set_add($events->{set}, $self->{id}, 3));
    return Chld::Status->new(pack 'l4', @{$events->next}[5 .. 8]);
}

# Dies with ESRCH if it has exited, and never hits another process.
sub kill {
    my ($self, $signal) = @_;
    check(c_kill($self->{id}, check(c_signal_number($signal))));
    return $self;
}

sub pid { return check(c_pid($_[0]{id})) }

sub DESTROY { c_close($_[0]{id}) }

sub plan {
    my ($steps, $values) = @_;
    $values->{steps} = join '', map {
        pack 'll', check(c_signal_number($_->[0])), milliseconds($_->[1])
    } @$steps;
    $values->{steps_count} = @$steps;
    return make(\@plan, $values);
}

# Runs a child and keeps what it writes to the streams that are not set: a hash of status,
# out, err, timed_out. It has `input`, and `timeout` in seconds, after which the child is
# stopped by `stop`, a list of [signal, seconds] (undef: any time), by default SIGTERM and, two
# seconds later, SIGKILL. Anything else is as for spawn(). A handler in %SIG that dies ends
# the wait; the child is stopped before.
sub run {
    my ($argv, %how) = @_;
    my ($input, $timeout, $stop) = delete @how{qw(input timeout stop)};
    $how{in} //= 'null' if !defined $input;
    utf8::encode($input) if defined $input && utf8::is_utf8($input);
    my ($id, $error, @kept, %plan) = (0, blank($ERROR));
    my $plan = plan($stop // [], \%plan);
    my $limit = milliseconds($timeout);
    my %capture = (
        timeout_ms => $limit == 0 ? 1 : $limit, stop => $plan,
        in_mode => defined $input ? 1 : 0, in_data => $input, in_size => length $input // 0,
        out_mode => exists $how{out} ? 0 : 4, err_mode => exists $how{err} ? 0 : 4,
    );
    my ($words, $spawn) = (arguments($argv, \@kept), options(\%how, \@kept));
    my $events = Chld::Events->new;
    my $failed = c_set_run($events->{set}, $words, $spawn, make(\@capture, \%capture), \$id,
        $error);
    start_failed($error) if $failed < 0;
    my $child = bless {id => $id}, 'Chld';
    my $event = eval { $events->next };
    if (!$event) {
        my $why = $@;
        # The handler may have run after the last event.
        c_set_stop($events->{set}, $id, 0, $plan) if $events->count;
        while ($events->count) { eval { $events->next } }
        die $why;
    }
    return output_of($event->[9]);
}

sub output_of {
    my ($capture) = @_;
    my $raw = at($capture, length blank($RESULT));
    my @all = unpack $RESULT, $raw;
    my ($out, $err) = map { at(@all[$_ + 4, $_ + 1]) } 4, 19;
    return {
        status => Chld::Status->new(substr $raw, 0, 16), out => $out, err => $err,
        timed_out => $all[36],
    };
}

# A copy of what C has there.
sub at {
    my ($data, $size) = @_;
    return $size ? unpack("P$size", pack 'J', $data) : '';
}

sub engine { return c_engine() == 1 ? 'pidfd' : 'sigchld' }

# A set with the events of one child.
package Chld::Events;

sub new {
    my ($class) = @_;
    my $set = 0;
    Chld::check(Chld::c_set_open(0, \$set));
    return bless {set => $set, fd => Chld::check(Chld::c_set_fd($set))}, $class;
}

# The members of the next event.
sub next {
    my ($self) = @_;
    my $event = Chld::blank($EVENT);
    while ((my $result = Chld::c_set_next($self->{set}, $event)) != 0) {
        Chld::check($result) if $result != -Errno::EAGAIN();
        Chld::sleep_for($self->{fd});
    }
    return [unpack $EVENT, $event];
}

sub count { return Chld::c_set_count($_[0]{set}) }

sub DESTROY { Chld::c_set_close($_[0]{set}) }

# How a child is, or how it exited: state, code, core, wait_word. As a string, in words.
package Chld::Status;

use overload '""' => sub { Chld::text(\&Chld::c_status_text, $_[0]{raw}) }, fallback => 1;

sub new {
    my ($class, $raw) = @_;
    my %self = (raw => $raw);
    @self{qw(state code core wait_word)} = unpack $STATUS, $raw;
    return bless \%self, $class;
}

my %HOW = (0 => 'running', 1 => 'exited', 2 => 'killed', 3 => 'dumped', 5 => 'stopped',
    6 => 'continued', 15 => 'lost');

sub how { return $HOW{$_[0]{state}} }

# The exit code of a child that exited by itself, else undef.
sub exit_code { return $_[0]->how eq 'exited' ? $_[0]{code} : undef }

# The signal that killed, stopped or continued it, else undef.
sub signal { return $_[0]->how eq 'exited' || $_[0]{code} < 0 ? undef : $_[0]{code} }

sub shell_code { return Chld::check(Chld::c_status_shell_code($_[0]{raw})) }

package Chld::Error;

use overload '""' => sub { $_[0]{text} }, fallback => 1;

1;
