package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
*/
import "C"

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
)

// Child is a child that was started. Close it, or leave that to the garbage collector once
// it has exited: it leaves no zombie.
type Child struct {
	// Stdin, Stdout and Stderr are this process's ends of what was started as Pipe or Pty,
	// else nil. Close them. Reading and writing them holds no thread.
	Stdin, Stdout, Stderr *os.File

	id     C.chld_id
	pid    int
	exited chan struct{}
	how    Status
}

// Start starts a child. It runs when this returns: a program that cannot be run is an error
// here, an *Error.
func (c *Cmd) Start() (*Child, error) {
	var m memory
	defer m.free()
	defer keepFiles(c)
	begin, err := m.start(c)
	if err != nil {
		return nil, err
	}
	var id C.chld_id
	var failure C.chld_error
	if C.chld_spawn(&id, begin.argv, begin.options, &failure) < 0 {
		return nil, startError(&failure)
	}
	return newChild(id, c)
}

// StartDetached starts a program that is nobody's child.
func (c *Cmd) StartDetached() error {
	var m memory
	defer m.free()
	defer keepFiles(c)
	begin, err := m.start(c)
	if err != nil {
		return err
	}
	begin.options.flags |= C.CHLD_SPAWN_DETACHED
	var failure C.chld_error
	if C.chld_spawn(nil, begin.argv, begin.options, &failure) < 0 {
		return startError(&failure)
	}
	return nil
}

// Adopt takes over a child that other code of this process has started and not waited for.
func Adopt(pid int) (*Child, error) {
	var id C.chld_id
	if err := check("chld_adopt", C.chld_adopt(&id, C.int(pid))); err != nil {
		return nil, err
	}
	return newChild(id, &Cmd{})
}

func newChild(id C.chld_id, cmd *Cmd) (*Child, error) {
	c := &Child{id: id, pid: int(C.chld_pid(id)), exited: make(chan struct{})}
	err := enter(key{id: id}, func(event *C.chld_event) {
		c.how = status(event.status)
		close(c.exited)
	}, func(set C.chld_set) error {
		return check("chld_set_add", C.chld_set_add(set, id, 0))
	})
	if err != nil {
		// As if it had not been started: nobody could wait for it.
		C.chld_kill(id, C.int(syscall.SIGKILL))
		C.chld_close(id)
		return nil, err
	}
	c.Stdin = c.end(C.CHLD_STDIN, C.chld_stdin_fd(id), cmd.Stdin)
	c.Stdout = c.end(C.CHLD_STDOUT, C.chld_stdout_fd(id), cmd.Stdout)
	c.Stderr = c.end(C.CHLD_STDERR, C.chld_stderr_fd(id), cmd.Stderr)
	runtime.SetFinalizer(c, (*Child).Close)
	return c, nil
}

var names = [...]string{"stdin of child", "stdout of child", "stderr of child"}

// end is this process's end of a stream: a pipe's own, and a copy of that of a
// pseudo-terminal, whose size the library can change as long as it has one itself.
func (c *Child) end(which, fd C.int, stream Stdio) *os.File {
	if fd < 0 {
		return nil
	}
	if stream == Pty {
		copied, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd),
			syscall.F_DUPFD_CLOEXEC, 0)
		if errno != 0 {
			return nil
		}
		fd = C.int(copied)
	} else {
		fd = C.chld_take_fd(c.id, which)
	}
	// The runtime polls what does not block. The child's end is another description.
	_ = syscall.SetNonblock(int(fd), true)
	return os.NewFile(uintptr(fd), names[which])
}

// PID is the number of the process, for messages: see Signal.
func (c *Child) PID() int { return c.pid }

// Exited is closed when it has exited: for select.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Wait waits for its exit, or until the context is done. The child then goes on.
func (c *Child) Wait(ctx context.Context) (Status, error) {
	select {
	case <-c.exited:
		return c.how, nil
	case <-ctx.Done():
		return Status{Code: -1, Word: -1}, ctx.Err()
	}
}

// WaitChange waits until it stops, is continued, or exits.
func (c *Child) WaitChange(ctx context.Context) (Status, error) {
	l, err := openLoop()
	if err != nil {
		return Status{Code: -1, Word: -1}, err
	}
	defer l.close()
	watch := C.uint32_t(C.CHLD_WATCH_STOPPED | C.CHLD_WATCH_CONTINUED)
	err = check("chld_set_add", C.chld_set_add(l.set, c.id, watch))
	var event C.chld_event
	if err == nil {
		err = l.next(ctx, &event)
	}
	runtime.KeepAlive(c)
	return status(event.status), err
}

// Stop stops it by a sequence of signals, and waits for its exit. When the context is done,
// the sequence goes on.
func (c *Child) Stop(ctx context.Context, plan StopPlan) (Status, error) {
	err := all.stop(c.id, &plan)
	select {
	case <-c.exited:
		return c.how, nil
	default:
	}
	if err != nil {
		return Status{Code: -1, Word: -1}, err
	}
	return c.Wait(ctx)
}

// Signal sends a signal to it and to nobody else; os.ErrProcessDone if it has exited.
func (c *Child) Signal(signal syscall.Signal) error {
	defer runtime.KeepAlive(c)
	return done(check("chld_kill", C.chld_kill(c.id, C.int(signal))))
}

// SignalGroup sends a signal to the process group that it leads.
func (c *Child) SignalGroup(signal syscall.Signal) error {
	defer runtime.KeepAlive(c)
	return done(check("chld_kill_group", C.chld_kill_group(c.id, C.int(signal))))
}

// SignalTree sends a signal to it and all its descendants, and returns how many are left. It
// holds a thread for up to a second.
func (c *Child) SignalTree(signal syscall.Signal) (survivors int, err error) {
	defer runtime.KeepAlive(c)
	var left C.uint32_t
	err = done(check("chld_kill_tree", C.chld_kill_tree(c.id, C.int(signal), &left)))
	return int(left), err
}

func done(err error) error {
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EBADF) {
		return os.ErrProcessDone
	}
	return err
}

// Usage is what it has used up. An error until its exit was reported.
func (c *Child) Usage() (Usage, error) {
	defer runtime.KeepAlive(c)
	var raw C.chld_resources
	err := check("chld_usage", C.chld_usage(c.id, &raw))
	return usage(&raw), err
}

// ResizePty changes the size of its pseudo-terminal, whose descriptor is Stdin's or Stdout's.
func (c *Child) ResizePty(rows, columns int) error {
	defer runtime.KeepAlive(c)
	return check("chld_pty_resize",
		C.chld_pty_resize(c.id, C.uint16_t(rows), C.uint16_t(columns)))
}

// Close gives up the handle. The exit is not reported any more.
func (c *Child) Close() error {
	runtime.SetFinalizer(c, nil)
	forget(key{id: c.id})
	return done(check("chld_close", C.chld_close(c.id)))
}
