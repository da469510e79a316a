package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
*/
import "C"

import (
	"context"
	"syscall"
	"time"
	"unsafe"
)

// Result is what came of Run.
type Result struct {
	Status         Status
	Stdout, Stderr []byte
	// OutInfo and ErrInfo are more about the streams.
	OutInfo, ErrInfo StreamInfo
	// TimedOut: the timeout was reached. Cancelled: the context was done before that.
	TimedOut, Cancelled bool
	// StoppedBy is the last signal of the stop plan, if one was sent.
	StoppedBy syscall.Signal
	// Fed is how much of the input the pipe took; FeedErrno why it took no more.
	Fed       uint64
	FeedErrno syscall.Errno
	PID       int
	Elapsed   time.Duration
	Usage     Usage
}

// StreamInfo is what came on a stream, apart from the bytes.
type StreamInfo struct {
	// Total bytes that came; FromHead of those that are kept are from the start.
	Total, FromHead uint64
	// Truncated: not everything was kept or passed on. Held: a process still has it open.
	Truncated, Held bool
	Errno           syscall.Errno
}

func streamInfo(raw *C.chld_stream_result) StreamInfo {
	info := StreamInfo{Total: uint64(raw.total), FromHead: uint64(raw.from_head),
		Truncated: raw.truncated != 0, Held: raw.held != 0, Errno: syscall.Errno(raw.error)}
	if info.Errno == 0 {
		info.Errno = syscall.Errno(raw.pass_error)
	}
	return info
}

// copyResult takes what the handle of the child owns.
func copyResult(raw *C.chld_capture_result) *Result {
	return &Result{
		Status:  status(raw.status),
		Stdout:  bytesOf(raw.out.data, raw.out.kept),
		Stderr:  bytesOf(raw.err.data, raw.err.kept),
		OutInfo: streamInfo(&raw.out), ErrInfo: streamInfo(&raw.err),
		TimedOut:  raw.timed_out != 0,
		StoppedBy: syscall.Signal(raw.signal),
		Fed:       uint64(raw.fed), FeedErrno: syscall.Errno(raw.feed_error),
		PID: int(raw.pid), Elapsed: time.Duration(raw.elapsed_ns),
		Usage: usage(&raw.usage),
	}
}

// prepared is a Cmd with an empty stdin if it has neither input nor stdin of its own.
func (c *Cmd) prepared() *Cmd {
	if c.Stdin.mode == 0 && c.Input == nil {
		prepared := *c
		prepared.Stdin = Null
		return &prepared
	}
	return c
}

// Run starts the child, feeds it, keeps what it writes, and waits for its exit, whatever
// its status. Stdout and stderr are captured unless they are set to something else.
//
// When the context is done, the child is stopped by the stop plan, and Run returns what it
// had written, Cancelled, and the error of the context.
func (c *Cmd) Run(ctx context.Context) (*Result, error) {
	var result *Result
	begin := func(m *memory, user unsafe.Pointer, set C.chld_set) (C.chld_id, error) {
		options, err := m.capture(c, c.Stdout, c.Stderr)
		if err != nil {
			return 0, err
		}
		return c.runIn(m, user, set, options)
	}
	err := capture(ctx, &c.Stop, begin, func(event *C.chld_event) {
		result = copyResult(event.capture)
	})
	keepFiles(c) // what the tees are
	if result != nil && err != nil {
		result.Cancelled, result.TimedOut = true, false
	}
	return result, err
}

// runIn starts the child in a set, which captures it.
func (c *Cmd) runIn(m *memory, user unsafe.Pointer, set C.chld_set,
	options *C.chld_capture_options) (id C.chld_id, err error) {
	c = c.prepared()
	defer keepFiles(c)
	begin, err := m.start(c)
	if err != nil {
		return 0, err
	}
	begin.options.user = user
	var failure C.chld_error
	if C.chld_set_run(set, begin.argv, begin.options, options, &id, &failure) < 0 {
		return 0, startError(&failure)
	}
	return id, nil
}

// capture has the set of all do a capture. `finish` copies its result.
func capture(ctx context.Context, plan *StopPlan,
	begin func(*memory, unsafe.Pointer, C.chld_set) (C.chld_id, error),
	finish func(*C.chld_event)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var m memory
	var id C.chld_id
	user := unsafe.Pointer(&zeros[C.char](&m, 1)[0]) // nobody else has this address meanwhile
	done := make(chan struct{})
	err := enter(key{user: user}, func(event *C.chld_event) {
		finish(event)
		C.chld_close(event.id)
		close(done)
	}, func(set C.chld_set) (err error) {
		id, err = begin(&m, user, set)
		return err
	})
	defer m.free() // after the last event
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	if err := all.stop(id, plan); err != nil {
		// It has just been captured, or the plan was refused: nothing waits for it then.
		C.chld_kill(id, C.int(syscall.SIGKILL))
	}
	<-done
	return ctx.Err()
}

// Output runs the child and returns what it wrote to stdout. The error is an *ExitError if
// it did not exit with code 0, or was stopped at the timeout.
func (c *Cmd) Output(ctx context.Context) ([]byte, error) {
	result, err := c.Run(ctx)
	if result == nil {
		return nil, err
	}
	if err == nil && (result.TimedOut || !result.Status.Success()) {
		err = &ExitError{result}
	}
	return result.Stdout, err
}
