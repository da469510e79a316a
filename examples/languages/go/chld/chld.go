// Package chld starts child processes, waits for them and says how they ended, by
// libchld.
//
//	ls, err := chld.Start(chld.Command{Args: []string{"ls", "-l"}})
//	status, err := ls.Wait(ctx)
//	fmt.Println("ls", status)
//
// A waiting goroutine takes no thread: one descriptor, a set's, is in the runtime's
// own poller for all children. Run takes one while it is at work. os/exec can be
// used beside this: neither waits for the other's children.
//
// Build with CGO_CFLAGS=-I… and CGO_LDFLAGS=-L… if libchld is not installed where
// the compiler looks.
package chld

/*
#cgo LDFLAGS: -lchld
#define CHLD_PLAIN_ARGV
#include <chld.h>
#include <stdlib.h>
*/
import "C"

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Status is how a child is, or how it ended.
type Status struct {
	State, Code, Core, WaitWord int
}

func (s Status) raw() C.chld_status {
	return C.chld_status{state: C.int32_t(s.State), code: C.int32_t(s.Code),
		core: C.int32_t(s.Core), wait_word: C.int32_t(s.WaitWord)}
}

func status(raw C.chld_status) Status {
	return Status{int(raw.state), int(raw.code), int(raw.core), int(raw.wait_word)}
}

// String says it in words: "killed by SIGTERM (terminated)".
func (s Status) String() string {
	raw := s.raw()
	var text [256]C.char
	if C.chld_status_text(&raw, &text[0], C.size_t(len(text))) < 0 {
		return "no status"
	}
	return C.GoString(&text[0])
}

// Success is whether it exited with 0.
func (s Status) Success() bool { return s.Code == 0 }

// ShellCode is what a shell's $? would be, or -1 if there is none.
func (s Status) ShellCode() int {
	raw := s.raw()
	if code := C.chld_status_shell_code(&raw); code >= 0 {
		return int(code)
	}
	return -1
}

// StartError is why a child could not be started. It wraps the errno.
type StartError struct {
	Errno syscall.Errno
	Step  string // "exec", "chdir", …
	Index int
	text  string
}

func (e *StartError) Error() string { return e.text }
func (e *StartError) Unwrap() error { return e.Errno }

func startError(raw *C.chld_error) error {
	var text [512]C.char
	C.chld_error_text(raw, &text[0], C.size_t(len(text)))
	return &StartError{syscall.Errno(raw.code), C.GoString(C.chld_step_name(raw.step)),
		int(raw.index), C.GoString(&text[0])}
}

func check(result C.int) error {
	if result < 0 {
		return syscall.Errno(-result)
	}
	return nil
}

// Command is what to start. The zero value of each member is the default.
type Command struct {
	Args []string // Args[0] is the program, looked for along PATH
	Dir  string
	Env  []string // "NAME=value", on top of our own environment

	Stdin, Stdout, Stderr *os.File // nil: as we have it

	NewGroup bool // a process group of its own
}

// memory is C's, for what the library is to be pointed at.
type memory []unsafe.Pointer

func (m *memory) free() {
	for _, p := range *m {
		C.free(p)
	}
}

func (m *memory) string(s string) *C.char {
	p := C.CString(s)
	*m = append(*m, unsafe.Pointer(p))
	return p
}

func (m *memory) strings(list []string) **C.char {
	size := C.size_t(len(list)+1) * C.size_t(unsafe.Sizeof((*C.char)(nil)))
	p := C.calloc(1, size)
	*m = append(*m, p)
	for i, s := range list {
		unsafe.Slice((**C.char)(p), len(list))[i] = m.string(s)
	}
	return (**C.char)(p)
}

func (m *memory) options(c *Command) *C.chld_spawn_options {
	var all C.chld_spawn_options
	all.size = C.size_t(unsafe.Sizeof(all))
	if c.Dir != "" {
		all.cwd = m.string(c.Dir)
	}
	all.env_set = m.strings(c.Env)
	if c.NewGroup {
		all.group_mode = C.CHLD_GROUP_NEW
	}
	stream(&all.in, c.Stdin)
	stream(&all.out, c.Stdout)
	stream(&all.err, c.Stderr)
	return &all
}

func stream(to *C.chld_stdio, file *os.File) {
	if file != nil {
		to.mode, to.fd = C.CHLD_STDIO_FD, C.int32_t(file.Fd())
	}
}

// Child is a child that was started. Its handle is closed when its end was told.
type Child struct {
	id    C.chld_id
	ended chan struct{}
	how   Status
}

// Start starts a child. The error is a *StartError if that is impossible.
func Start(c Command) (*Child, error) {
	var m memory
	defer m.free()
	var id C.chld_id
	var failure C.chld_error
	defer runtime.KeepAlive(c) // its files
	if C.chld_spawn(&id, m.strings(c.Args), m.options(&c), &failure) < 0 {
		return nil, startError(&failure)
	}
	child := &Child{id: id, ended: make(chan struct{})}
	if err := watch(child); err != nil {
		C.chld_close(id)
		return nil, err
	}
	return child, nil
}

// Wait waits for the end, or for that of ctx.
func (c *Child) Wait(ctx context.Context) (Status, error) {
	select {
	case <-c.ended:
		return c.how, nil
	case <-ctx.Done():
		return Status{Code: -1}, ctx.Err()
	}
}

// Change waits until it stops, is continued, or ends. It takes a thread meanwhile.
func (c *Child) Change() (Status, error) {
	var raw C.chld_status
	err := check(C.chld_wait_change(c.id, 0, -1, &raw))
	if errors.Is(err, syscall.EBADF) {
		return c.Wait(context.Background())
	}
	return status(raw), err
}

// Signal sends a signal; os.ErrProcessDone if it has ended. It never hits another
// process.
func (c *Child) Signal(signal syscall.Signal) error {
	err := check(C.chld_kill(c.id, C.int(signal)))
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EBADF) {
		return os.ErrProcessDone
	}
	return err
}

// Step is a step of ending a child by degrees.
type Step struct {
	Signal syscall.Signal
	Wait   time.Duration // how long to wait after it; negative: as long as it takes
}

// Limits on Run. At the Timeout the child is ended by Stop; if that is empty, by
// SIGTERM and, two seconds later, SIGKILL.
type Limits struct {
	Timeout time.Duration
	Stop    []Step
}

// Output is what came of Run.
type Output struct {
	Status         Status
	Stdout, Stderr []byte
	TimedOut       bool
}

func milliseconds(d time.Duration) C.int32_t {
	if d < 0 {
		return -1
	}
	return C.int32_t((d + time.Millisecond - 1) / time.Millisecond)
}

// Run starts a child, feeds it, keeps what it writes, and waits for its end.
func Run(c Command, input []byte, limits Limits) (Output, error) {
	var m memory
	defer m.free()
	data := C.CBytes(input)
	steps := C.calloc(C.size_t(len(limits.Stop)+1), C.size_t(unsafe.Sizeof(C.chld_stop_step{})))
	plan := (*C.chld_stop_plan)(C.calloc(1, C.size_t(unsafe.Sizeof(C.chld_stop_plan{}))))
	m = append(m, data, steps, unsafe.Pointer(plan))
	for i, step := range limits.Stop {
		unsafe.Slice((*C.chld_stop_step)(steps), len(limits.Stop))[i] = C.chld_stop_step{
			signal: C.int32_t(step.Signal), wait_ms: milliseconds(step.Wait)}
	}
	plan.size = C.size_t(unsafe.Sizeof(*plan))
	plan.steps, plan.steps_count = (*C.chld_stop_step)(steps), C.size_t(len(limits.Stop))

	var capture C.chld_capture_options
	capture.size = C.size_t(unsafe.Sizeof(capture))
	capture.timeout_ms = milliseconds(limits.Timeout)
	capture.in.mode, capture.in.data = C.CHLD_FEED_BUFFER, (*C.char)(data)
	capture.in.size = C.size_t(len(input))
	capture.out.mode, capture.err.mode = C.CHLD_SINK_GROW, C.CHLD_SINK_GROW
	capture.stop = plan

	var result C.chld_capture_result
	var failure C.chld_error
	defer runtime.KeepAlive(c) // its files
	failed := C.chld_run(m.strings(c.Args), m.options(&c), &capture, &result, &failure)
	if failed < 0 && failure.step != C.CHLD_STEP_CAPTURE {
		return Output{}, startError(&failure)
	}
	out := Output{status(result.status), taken(&result.out), taken(&result.err),
		result.timed_out != 0}
	return out, check(failed)
}

func taken(captured *C.chld_stream_result) []byte {
	defer C.chld_buffer_free(captured.data)
	return C.GoBytes(unsafe.Pointer(captured.data), C.int(captured.kept))
}

// Engine is what waiting runs on: "pidfd" or "sigchld".
func Engine() string {
	if C.chld_engine() == C.CHLD_ENGINE_PIDFD {
		return "pidfd"
	}
	return "sigchld"
}

// All children that are waited for, in one set.
var all struct {
	sync.Mutex
	set     C.chld_set
	waiting map[C.chld_id]*Child
}

func watch(child *Child) error {
	all.Lock()
	defer all.Unlock()
	if all.waiting == nil {
		if err := open(); err != nil {
			return err
		}
	}
	if err := check(C.chld_set_add(all.set, child.id, 0)); err != nil {
		return err
	}
	all.waiting[child.id] = child
	return nil
}

// open opens the set, and starts the goroutine that takes from it. Its descriptor is
// the library's: the runtime gets a copy.
func open() (err error) {
	if err := check(C.chld_set_open(0, &all.set)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			C.chld_set_close(all.set)
		}
	}()
	fd, err := syscall.Dup(int(C.chld_set_fd(all.set)))
	if err != nil {
		return err
	}
	syscall.CloseOnExec(fd)
	// The runtime polls what does not block. Nobody reads this one.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	ends, err := os.NewFile(uintptr(fd), "chld").SyscallConn()
	if err != nil {
		return err
	}
	all.waiting = make(map[C.chld_id]*Child)
	go ends.Read(func(uintptr) bool {
		tell()
		return false // wait until it is readable again, for ever
	})
	return nil
}

// tell takes all ends that there are out of the set.
func tell() {
	var event C.chld_event
	for C.chld_set_next(all.set, &event) == 0 {
		all.Lock()
		child := all.waiting[event.id]
		delete(all.waiting, event.id)
		all.Unlock()
		child.how = status(event.status)
		C.chld_close(child.id)
		close(child.ended)
	}
}
