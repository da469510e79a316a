# The ten children of children.txt, in Perl, and fork's beside chld's.
#
#     perl children.pl ../children.txt

use strict;
use warnings;
use FindBin;
use POSIX ();
use lib $FindBin::Bin;
use Chld;

my $BESIDE = 40;

sub describe {
    my ($status) = @_;
    return sprintf ' %s (state %d, code %d, word 0x%04x, $? %d)', $status, $status->{state},
        $status->{code}, $status->{wait_word}, $status->shell_code;
}

my %ways = (
    wait => sub { my ($argv) = @_; describe(Chld->spawn(@$argv)->wait) },
    run => sub {
        my ($argv, $name) = @_;
        my $done = Chld::run($argv, input => $name, cwd => '/', env => {CHILD => $name});
        my ($line) = split /\n/, $done->{out};
        return sprintf '%s out: %s err: %d bytes', describe($done->{status}), $line,
            length $done->{err};
    },
    limit => sub {
        my ($argv) = @_;
        my $done = Chld::run($argv, timeout => 0.2, signal => 'KILL');
        return describe($done->{status}) . ($done->{timed_out} ? ' at the limit' : ' by itself');
    },
    stop => sub {
        my ($argv) = @_;
        my $child = Chld->spawn(@$argv);
        my $stopped = $child->change;
        $child->kill('TERM')->kill('CONT');
        return describe($stopped) . describe($child->wait);
    },
);
$ways{exec} = $ways{wait};

open my $list, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
while (<$list>) {
    my ($name, $way, $what) = /^(\w+)\s+(\w+)\s+(.+)$/ or next;
    my $said = eval { $ways{$way}->($way eq 'exec' ? [$what] : ['sh', '-c', $what], $name) };
    if (my $error = $@) {
        die $error unless ref $error && defined $error->{step};
        $said = sprintf ' %s (step %s, index %d, errno %d)', $error, @$error{qw(step index errno)};
    }
    print "$name:$said\n";
}

# Our own, reaped in a handler, by pid.
my (%running, %ended);

sub reap {
    for my $pid (keys %running) {
        next if waitpid($pid, POSIX::WNOHANG) <= 0;
        $ended{delete $running{$pid}} = $?;
    }
    return;
}

local $SIG{CHLD} = \&reap;
$| = 1;
my @ours;
for my $n (1 .. $BESIDE) {
    my $pid = fork // die "fork: $!\n";
    exec 'sh', '-c', "sleep 0.1; exit $n" or POSIX::_exit(127) if $pid == 0;
    $running{$pid} = $n;
    push @ours, Chld->spawn('sh', '-c', 'sleep 0.1; exit $0', 100 + $n);
}
reap();    # those that ended before their pid was known here
my $ours_right = grep { $ours[$_ - 1]->wait->{code} == 100 + $_ } 1 .. $BESIDE;
sleep 1 while %running;    # SIGCHLD cuts it short
my $own_right = grep { $ended{$_} == $_ << 8 } 1 .. $BESIDE;
print "beside: $own_right of $BESIDE of its own, $ours_right of $BESIDE of chld\n";
print 'engine: ', Chld::engine(), "\n";
