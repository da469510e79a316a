// Package chld starts child processes, captures their output and reports how they
// exited, by libchld. It is used as os/exec is, with a context for everything that waits:
//
//	sort := chld.Command("sort")
//	sort.Input = []byte("pear\nfig\n")
//	result, err := sort.Run(ctx)
//	fmt.Println(string(result.Stdout), result.Status)
//
// A waiting goroutine holds no thread: one descriptor, that of a set, is in the runtime's
// own poller for all children and all captures. os/exec can be used beside this package:
// neither waits for the other's children.
//
// The package is built with the flags that pkg-config prints for chld.
package chld

/*
#cgo pkg-config: chld
#define CHLD_PLAIN_ARGV
#include <chld.h>
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// State is what has become of a child.
type State int

// The states of a child.
const (
	Running   State = C.CHLD_STATE_RUNNING
	Exited    State = C.CHLD_STATE_EXITED
	Killed    State = C.CHLD_STATE_KILLED
	Dumped    State = C.CHLD_STATE_DUMPED // killed, and a core file was written
	Stopped   State = C.CHLD_STATE_STOPPED
	Continued State = C.CHLD_STATE_CONTINUED
	// Lost: other code has reaped the child, and its status is gone.
	Lost State = C.CHLD_STATE_LOST
)

// Status is how a child is, or how it exited.
type Status struct {
	State State
	// Code is the exit code or the signal, depending on State; else -1.
	Code int
	Core bool
	// Word is what waitpid() would have stored, or -1.
	Word int
}

func (s Status) raw() C.chld_status {
	raw := C.chld_status{state: C.int32_t(s.State), code: C.int32_t(s.Code),
		wait_word: C.int32_t(s.Word)}
	if s.Core {
		raw.core = 1
	}
	return raw
}

func status(raw C.chld_status) Status {
	return Status{State(raw.state), int(raw.code), raw.core != 0, int(raw.wait_word)}
}

// String is the status in words: "killed by SIGTERM (terminated)".
func (s Status) String() string {
	raw := s.raw()
	var text [256]C.char
	if C.chld_status_text(&raw, &text[0], C.size_t(len(text))) < 0 {
		return "no status"
	}
	return C.GoString(&text[0])
}

// Success is whether it exited with code 0.
func (s Status) Success() bool { return s.State == Exited && s.Code == 0 }

// ExitCode is the exit code of a child that exited by itself, else -1.
func (s Status) ExitCode() int {
	if s.State == Exited {
		return s.Code
	}
	return -1
}

// Signal is what killed, stopped or continued it, else 0.
func (s Status) Signal() syscall.Signal {
	switch s.State {
	case Killed, Dumped, Stopped, Continued:
		return syscall.Signal(s.Code)
	}
	return 0
}

// ShellCode is what $? would be in a shell, or -1 if there is no such number.
func (s Status) ShellCode() int {
	raw := s.raw()
	if code := C.chld_status_shell_code(&raw); code >= 0 {
		return int(code)
	}
	return -1
}

// Sys is the status as package syscall has it.
func (s Status) Sys() syscall.WaitStatus { return syscall.WaitStatus(s.Word) }

// Usage is what a child has used up, with those of its own children that it waited for.
type Usage struct {
	User, System                           time.Duration
	MaxResidentKiB                         uint64
	MinorFaults, MajorFaults               uint64
	BlocksIn, BlocksOut                    uint64
	VoluntarySwitches, InvoluntarySwitches uint64
}

func usage(raw *C.chld_resources) Usage {
	return Usage{
		User:   time.Duration(raw.user_us) * time.Microsecond,
		System: time.Duration(raw.system_us) * time.Microsecond,

		MaxResidentKiB: uint64(raw.max_resident_kib),
		MinorFaults:    uint64(raw.minor_faults), MajorFaults: uint64(raw.major_faults),
		BlocksIn: uint64(raw.blocks_in), BlocksOut: uint64(raw.blocks_out),
		VoluntarySwitches:   uint64(raw.voluntary_switches),
		InvoluntarySwitches: uint64(raw.involuntary_switches),
	}
}

// Error is why a child could not be started or captured. It wraps the errno:
// errors.Is(err, fs.ErrNotExist) works.
type Error struct {
	Errno syscall.Errno
	// Step is what failed: "exec", "chdir", …; "capture" if the child was started.
	Step string
	// Item is the path, program or entry at which it failed; Index its position.
	Item  string
	Index int
	// Stage of a pipeline, counted from 0; -1 if it was none.
	Stage int
	text  string
}

func (e *Error) Error() string { return e.text }

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

func startError(raw *C.chld_error) error {
	var text [512]C.char
	C.chld_error_text(raw, &text[0], C.size_t(len(text)))
	return &Error{Errno: syscall.Errno(raw.code), Step: stepName(raw.step),
		Item: C.GoString(&raw.item[0]), Index: int(raw.index), Stage: int(raw.stage) - 1,
		text: C.GoString(&text[0])}
}

func stepName(step C.int32_t) string { return C.GoString(C.chld_step_name(C.int(step))) }

// refuse returns an error if C would see only a part of the string.
func refuse(text string, step C.int32_t, index int) error {
	if strings.IndexByte(text, 0) < 0 {
		return nil
	}
	name := stepName(step)
	return &Error{Errno: syscall.EINVAL, Step: name, Item: text, Index: index, Stage: -1,
		text: fmt.Sprintf("%s %q: it contains a NUL", name, text)}
}

// check makes an error of a negative errno that the function returned.
func check(function string, result C.int) error {
	if result < 0 {
		return os.NewSyscallError(function, syscall.Errno(-result))
	}
	return nil
}

// ExitError is what Output returns for a child that did not exit with code 0.
type ExitError struct {
	*Result
}

func (e *ExitError) Error() string {
	if e.TimedOut {
		return fmt.Sprintf("timeout: %v", e.Status)
	}
	return e.Status.String()
}

// Signal is the number that a name means: "TERM", "SIGTERM", "RTMIN+3".
func Signal(name string) (syscall.Signal, error) {
	if err := refuse(name, C.CHLD_STEP_ARGUMENTS, 0); err != nil {
		return 0, err
	}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	number := C.chld_signal_number(text)
	return syscall.Signal(number), check("chld_signal_number", number)
}

// Version is that of the library.
func Version() string { return C.GoString(C.chld_version()) }

// Engine is what reports exits on this system: "pidfd" or "sigchld".
func Engine() string {
	if C.chld_engine() == C.CHLD_ENGINE_PIDFD {
		return "pidfd"
	}
	return "sigchld"
}
