# The conformance list of the bindings (bindings/conformance.txt): one line per item.
#
# `perl conformance.pl ctrl-c` is the process of its own of the item of that name.

use strict;
use warnings;
use File::Temp qw(tempdir);
use POSIX ();
use Time::HiRes qw(alarm sleep time);
use Chld;

$| = 1;
my @BOTH = ('sh', '-c', 'echo a; echo b >&2');
my $TRAP = q(trap 'exit 123' TERM; kill -STOP $$; exit 7);

sub sh { return ['sh', '-c', $_[0]] }

# Dies unless each value is equal to the one after it.
sub equal {
    while (my ($is, $should) = splice @_, 0, 2) {
        $_ //= 'undef' for $is, $should;
        die "$is, not $should\n" if $is ne $should;
    }
    return;
}

sub exits {
    my ($script, $code) = @_;
    my $status = Chld->spawn(sh($script))->wait;
    equal($status->how, 'exited', $status->exit_code, $code, $status->signal, undef);
}

sub is_killed {
    my ($script, $signal) = @_;
    my $status = Chld->spawn(sh("ulimit -c 0; $script"))->wait;
    equal($status->how, 'killed', $status->exit_code, undef, $status->signal, $signal);
}

sub stops {
    my ($script, $signal, $code) = @_;
    my $child = Chld->spawn(sh($script));
    my $stop = $child->change;
    $child->kill('TERM')->kill('CONT');
    my $status = $child->wait;
    equal($stop->how, 'stopped', $stop->signal, 19, $status->signal, $signal,
        $status->exit_code, $code);
}

sub fails {
    my ($step, $item, $start) = @_;
    my $done = eval { $start->(); 1 };
    equal($done, undef, ref $@, 'Chld::Error');
    equal(@{$@}{qw(errno)}, 2, $@->{step}, $step, $@->{item}, $item);
}

sub writes {
    my ($argv, $out, $err, %how) = @_;
    my $done = Chld::run($argv, %how);
    equal($done->{out}, $out, $done->{err}, $err);
}

sub refused {
    my ($message, $argv, %how) = @_;
    my $done = eval { Chld::run($argv, %how); 1 };
    die "not refused\n" if $done || $@ !~ $message;
}

sub content {
    my ($path, $text) = @_;
    open my $file, defined $text ? '>' : '<', $path or die "$path: $!\n";
    return print {$file} $text if defined $text;
    local $/;
    return scalar <$file>;
}

sub redirected {
    my $folder = tempdir(CLEANUP => 1);
    my ($one, $two) = ("$folder/one", "$folder/two");
    content($one, "text\n");
    writes(['cat'], '', '', in => {path => $one}, out => {path => $two});
    equal(content($two), "text\n", unlink($two), 1);
    open my $from, '<', $one or die;
    open my $to, '>', $two or die;
    writes(['cat'], '', '', in => $from, out => $to);
    equal(content($two), "text\n", -s $from, 5, -s $to, 5);
}

sub cancelled {
    my $begun = time;
    local $SIG{ALRM} = sub { die "alarm\n" };
    alarm 0.3;
    my $done = eval { Chld::run(sh('echo begun; exec sleep 60')); 1 };
    equal($done, undef, $@, "alarm\n", time - $begun < 2.3 ? 'soon' : 'late', 'soon');
}

# What a program does that leaves no children behind at Control-C.
sub interruptible {
    local $SIG{INT} = sub { die "interrupted\n" };
    eval { Chld::run(sh('echo $$ >&2; exec sleep 60'), err => 'inherit') };
    exit($@ eq "interrupted\n" ? 9 : 1);
}

sub ctrl_c {
    pipe my $reader, my $writer or die;
    my $child = Chld->spawn([$^X, (map {"-I$_"} @INC), $0, 'ctrl-c'], err => $writer);
    close $writer;
    my $pid = <$reader>;
    chomp $pid;
    sleep 0.5;
    $child->kill('INT');
    my $status = $child->wait(2) // die "it goes on\n";
    my @rest = <$reader>;    # nobody has the pipe open
    equal($status->exit_code, 9, -e "/proc/$pid" ? 'there' : 'gone', 'gone');
}

sub beside {
    my (@own, @ours);
    for my $n (0 .. 199) {
        push @ours, Chld->spawn(sh('sleep 0.1; exit ' . $n % 256));
        next if $n >= 40;
        my $pid = fork // die "fork: $!\n";
        exec 'sh', '-c', "sleep 0.1; exit $n" or POSIX::_exit(127) if $pid == 0;
        push @own, $pid;
    }
    equal($ours[$_]->wait->exit_code, $_ % 256) for 0 .. 199;
    for my $n (0 .. 39) {
        waitpid $own[$n], 0;
        equal($? >> 8, $n);
    }
}

my @items = (
    success => sub { exits('exit 0', 0) },
    failure => sub { exits('exit 1', 1) },
    pretender => sub { exits('exit 143', 143) },
    segfault => sub { is_killed('kill -SEGV $$', 11) },
    abort => sub { is_killed('kill -ABRT $$', 6) },
    missing => sub {
        fails('exec', '/no/such/program', sub { Chld->spawn(['/no/such/program']) });
    },
    captured => sub {
        my $script = 'echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3';
        my $done = Chld::run(sh($script), cwd => '/', env => {CHILD => 'captured'},
            input => 'captured');
        equal($done->{status}->exit_code, 3, $done->{out}, "/ captured CAPTURED\n",
            length $done->{err}, 100_000);
    },
    slow => sub {
        my $done = Chld::run(sh('exec sleep 60'), timeout => 0.2, stop => [['KILL', undef]]);
        equal($done->{status}->signal, 9, $done->{timed_out}, 1);
    },
    stopped => sub { stops('kill -STOP $$; exit 7', 15, undef) },
    caught => sub { stops($TRAP, undef, 123) },
    'merged-stderr' => sub { writes(\@BOTH, "a\nb\n", '', err => 'stdout') },
    discarded => sub {
        writes(\@BOTH, "a\n", '', err => 'null');
        writes(\@BOTH, '', "b\n", out => 'null');
    },
    redirected => \&redirected,
    'large-output' => sub {
        my $input = '0123456789' x 1_000_000;
        my $done = Chld::run(sh('head -c 10000000 /dev/zero >&2; cat'), input => $input);
        equal($done->{out} eq $input, 1, length $done->{err}, 10_000_000);
    },
    bytes => sub {
        my $odd = "\xff\xfe\x80";
        writes([@{sh(q(printf '%s|%s' "$1" "$BYTES"))}, 'sh', $odd], "$odd|$odd", '',
            env => {BYTES => $odd});
    },
    'nul-argument' => sub { refused(qr/NUL/, ['echo', "shown\0cut"]) },
    'nul-environment' => sub {
        refused(qr/NUL/, ['true'], env => {"A\0B" => 'value'});
        refused(qr/NUL/, ['true'], env => {A => "val\0ue"});
        refused(qr/NUL/, ['true'], env => {"A\0B" => undef});
    },
    'nul-path' => sub {
        refused(qr/NUL/, ['true'], cwd => "/\0tmp");
        refused(qr/NUL/, ['true'], in => {path => "/dev/null\0"});
    },
    'string-for-list' => sub { refused(qr/reference to an array/, 'true') },
    'timeout-partial' => sub {
        my $done = Chld::run(sh('echo begun; exec sleep 60'), timeout => 0.3);
        equal($done->{timed_out}, 1, $done->{out}, "begun\n");
    },
    'cancel # by a handler that dies' => \&cancelled,
    'ctrl-c' => \&ctrl_c,
    beside => \&beside,
    'error-step' => sub {
        fails('chdir', '/no/such/directory',
            sub { Chld::run(['true'], cwd => '/no/such/directory') });
    },
);

interruptible() if @ARGV && $ARGV[0] eq 'ctrl-c';
my $failed = 0;
while (my ($name, $item) = splice @items, 0, 2) {
    if (eval { $item->(); 1 }) {
        print "ok $name\n";
    } else {
        $failed = 1;
        (my $why = "$@") =~ tr/\n/ /;
        print "not ok $name: $why\n";
    }
}
exit $failed;
