package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
*/
import "C"

import (
	"os"
	"syscall"
	"time"
)

// Flags are the rarer wishes for a start.
type Flags uint64

// The flags of Cmd.
const (
	// NewSession begins a session.
	NewSession Flags = C.CHLD_SPAWN_SESSION
	// ControllingTerminal makes the terminal on stdin that of the new session.
	ControllingTerminal Flags = C.CHLD_SPAWN_TERMINAL
	// Foreground puts the child's group into the foreground of its terminal.
	Foreground Flags = C.CHLD_SPAWN_FOREGROUND
	// InheritFiles lets it inherit every descriptor that is not close-on-exec.
	InheritFiles Flags = C.CHLD_SPAWN_INHERIT_FDS
	// Shell has /bin/sh run a file that is executable but no program.
	Shell Flags = C.CHLD_SPAWN_SHELL
	// NoNewPrivs: nothing that it executes gains privileges.
	NoNewPrivs Flags = C.CHLD_SPAWN_NO_NEW_PRIVS
	// Subreaper makes orphaned descendants its own children.
	Subreaper Flags = C.CHLD_SPAWN_SUBREAPER
	// KillOnClose makes Child.Close kill it.
	KillOnClose Flags = C.CHLD_SPAWN_KILL_ON_CLOSE
	// NoEcho turns off the echo of its pseudo-terminal.
	NoEcho Flags = C.CHLD_SPAWN_PTY_NO_ECHO
	// Private: no other code of the program can reap it (Linux 7.1).
	Private Flags = C.CHLD_SPAWN_PRIVATE
	// KillOnDeath: the kernel kills it when this program dies (Linux 7.1).
	KillOnDeath Flags = C.CHLD_SPAWN_KILL_ON_DEATH
)

// Supports returns nil if this system can do what the flags ask for.
func Supports(flags Flags) error {
	return check("chld_supports", C.chld_supports(C.uint64_t(flags)))
}

// Stdio is one of the three streams of a child. The zero value is the stream of this
// process for Start, and is captured by Run; stdin is then the input, or empty.
type Stdio struct {
	mode  uint32 // CHLD_STDIO_*, plus one
	file  *os.File
	path  string
	flags int
	perm  os.FileMode
}

// What a stream can be, in addition to File and Path.
var (
	Inherit = Stdio{mode: C.CHLD_STDIO_INHERIT + 1}
	Null    = Stdio{mode: C.CHLD_STDIO_NULL + 1} // /dev/null
	Pipe    = Stdio{mode: C.CHLD_STDIO_PIPE + 1} // see Child.Stdout
	Pty     = Stdio{mode: C.CHLD_STDIO_PTY + 1}  // a new pseudo-terminal, the same for all streams
	Closed  = Stdio{mode: C.CHLD_STDIO_CLOSED + 1}
	// ToStdout sends stderr where stdout goes: 2>&1. For Stderr only.
	ToStdout = Stdio{mode: C.CHLD_STDIO_STDOUT + 1}
	// ToStderr sends stdout where stderr goes. For Stdout only.
	ToStderr = Stdio{mode: C.CHLD_STDIO_STDERR + 1}
)

// File gives the child a copy of an open file, which stays yours.
func File(file *os.File) Stdio { return Stdio{mode: C.CHLD_STDIO_FD + 1, file: file} }

// Path opens a file as a shell does: for reading as stdin, else created or truncated.
func Path(path string) Stdio { return Stdio{mode: C.CHLD_STDIO_PATH + 1, path: path} }

// OpenFile opens a file with these flags, and these permissions if it is created.
func OpenFile(path string, flags int, perm os.FileMode) Stdio {
	return Stdio{mode: C.CHLD_STDIO_PATH + 1, path: path, flags: flags, perm: perm}
}

func (s Stdio) isCaptured() bool { return s.mode == 0 || s == Pipe || s == Pty }

// Limit is a resource limit, RLIMIT_*. The largest uint64 is none.
type Limit struct {
	Resource   int
	Soft, Hard uint64
}

// Credential is a user, a group and its supplementary groups.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Signals are those that the child ignores or blocks.
type Signals struct {
	// Ignored, if it is not nil, are all that it ignores. InheritIgnored: what this process
	// ignores, with SIGPIPE and SIGCHLD.
	Ignored        []syscall.Signal
	InheritIgnored bool
	Blocked        []syscall.Signal
	// Reset have their default disposition in any case.
	Reset []syscall.Signal
}

// Keep is how much of a stream is kept. All of it is read. The zero value keeps everything.
type Keep struct {
	mode uint32
	size int
}

// KeepHead keeps this many bytes from the start.
func KeepHead(bytes int) Keep { return Keep{C.CHLD_SINK_HEAD, bytes} }

// KeepTail keeps this many bytes from the end.
func KeepTail(bytes int) Keep { return Keep{C.CHLD_SINK_TAIL, bytes} }

// KeepHeadTail keeps half of this from the start, and half from the end.
func KeepHeadTail(bytes int) Keep { return Keep{C.CHLD_SINK_HEAD_TAIL, bytes} }

// KeepNothing keeps nothing.
func KeepNothing() Keep { return KeepTail(0) }

// Step of a stop sequence: a signal, and how long to wait for the exit after it; -1 for as
// long as it takes.
type Step struct {
	Signal syscall.Signal
	Wait   time.Duration
}

// Target is which processes a stop sequence signals.
type Target uint32

// The targets of a stop sequence.
const (
	TargetChild Target = C.CHLD_TARGET_CHILD
	TargetGroup Target = C.CHLD_TARGET_GROUP // that the child leads
	TargetTree  Target = C.CHLD_TARGET_TREE  // the child and its descendants
)

// StopPlan is how to stop a child. Without steps it is SIGTERM and, two seconds later,
// SIGKILL.
type StopPlan struct {
	Target Target
	// Sweep sends SIGKILL to what is left of the group or tree after the exit.
	Sweep bool
	Steps []Step
}

// Cmd is what to start. Zero is the default of each member. It can be used many times.
type Cmd struct {
	// Args are the arguments. Args[0] is the program unless Program names it, and is
	// searched along PATH unless it has a slash.
	Args    []string
	Program string
	// SearchChildPath searches along the PATH of Env.
	SearchChildPath bool

	// Env is the whole environment as "NAME=value"; nil for that of this process.
	Env []string
	// SetEnv are entries to add or replace, UnsetEnv names to remove.
	SetEnv, UnsetEnv []string
	Dir              string

	Stdin, Stdout, Stderr Stdio
	// ExtraFiles[i] becomes descriptor 3 + i. Nil entries are left out.
	ExtraFiles []*os.File
	// Rows and Columns are the size of the pseudo-terminal.
	Rows, Columns int

	Flags Flags
	// NewGroup makes it the leader of a process group; Group is one to join.
	NewGroup bool
	Group    int
	// Cgroup is the directory of a cgroup (v2) to start it in. OwnCgroup: it is for this
	// child alone.
	Cgroup      *os.File
	OwnCgroup   bool
	Limits      []Limit
	CPUs        []int
	Credential  *Credential
	Umask       *os.FileMode
	Nice        int
	DeathSignal syscall.Signal
	Signals     Signals

	// The rest is for Run, Output and Lines.

	// Input is what it reads on its stdin.
	Input []byte
	// Timeout after which it is stopped by Stop; 0 for none. What it had written is there.
	Timeout time.Duration
	Stop    StopPlan
	// KeepStdout and KeepStderr are how much is kept.
	KeepStdout, KeepStderr Keep
	// TeeStdout and TeeStderr get the bytes, too.
	TeeStdout, TeeStderr *os.File
	// ToTheEnd also reads what descendants write after the child has exited.
	ToTheEnd bool
	// LineLimit is the length above which Lines passes a line in pieces; 0 for 64 KiB.
	LineLimit int
}

// Command is a Cmd with these arguments.
func Command(program string, args ...string) *Cmd {
	return &Cmd{Args: append([]string{program}, args...)}
}
