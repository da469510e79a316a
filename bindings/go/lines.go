package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
#include <stdint.h>

// Of export.go.
int chld_go_line(uintptr_t lines, int stream, char *line, size_t size);

static int chld_go_out(void *lines, const char *line, size_t size)
{
    return chld_go_line(*(uintptr_t *)lines, 1, (char *)line, size);
}

static int chld_go_err(void *lines, const char *line, size_t size)
{
    return chld_go_line(*(uintptr_t *)lines, 2, (char *)line, size);
}

static void chld_go_lines(chld_sink *sink, int stream, void *lines)
{
    sink->mode = CHLD_SINK_LINES;
    sink->buffer = 0;
    sink->callback = stream == 1 ? chld_go_out : chld_go_err;
    sink->argument = lines;
}
*/
import "C"

import (
	"context"
	"runtime/cgo"
	"unsafe"
)

// lines is what takes the lines of a child, and why it stopped to.
type lines struct {
	take  func(stream int, line []byte) error
	err   error
	panic any
}

// take1 passes one line on; 1 if no more are wanted.
func (l *lines) take1(stream int, line []byte) (stop C.int) {
	defer func() {
		if l.panic = recover(); l.panic != nil {
			stop = 1
		}
	}()
	if l.err = l.take(stream, line); l.err != nil {
		return 1
	}
	return 0
}

// Lines runs the child, and passes each line that it writes to `take`, with its newline: 1
// is a line of stdout, 2 of stderr. The bytes are `take`'s during the call only. An error
// that it returns stops the child by the stop plan, and becomes that of Lines.
//
// Lines come in the order in which they are read. Give the child ToStdout for Stderr if you
// need the exact order.
func (c *Cmd) Lines(ctx context.Context, take func(stream int, line []byte) error) (
	*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l, err := openLoop()
	if err != nil {
		return nil, err
	}
	var m memory
	defer m.free() // after the set is closed
	defer l.close()
	sink := &lines{take: take}
	handle := cgo.NewHandle(sink)
	defer handle.Delete()
	options, err := m.linesTo(c, handle)
	if err != nil {
		return nil, err
	}
	id, err := c.runIn(&m, nil, l.set, options)
	if err != nil {
		return nil, err
	}
	defer C.chld_close(id)
	defer keepFiles(c) // what the tees are
	return l.await(ctx, id, &c.Stop, sink)
}

// await waits for the end of a capture with lines.
func (l *loop) await(ctx context.Context, id C.chld_id, plan *StopPlan, sink *lines) (
	*Result, error) {
	var event C.chld_event
	err := l.next(ctx, &event)
	cancelled := err != nil && ctx.Err() != nil
	if cancelled {
		if err := l.stop(id, plan); err != nil {
			return nil, err
		}
		if err := l.next(context.Background(), &event); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if sink.panic != nil {
		panic(sink.panic)
	}
	result := copyResult(event.capture)
	if cancelled {
		result.Cancelled, result.TimedOut = true, false
		return result, err
	}
	return result, sink.err
}

// linesTo is a capture whose sinks pass lines to the handle.
func (m *memory) linesTo(c *Cmd, handle cgo.Handle) (*C.chld_capture_options, error) {
	options, err := m.capture(c, c.Stdout, c.Stderr)
	if err != nil {
		return nil, err
	}
	to := &zeros[C.uintptr_t](m, 1)[0]
	*to = C.uintptr_t(handle)
	for i, sink := range []*C.chld_sink{&options.out, &options.err} {
		if sink.mode != C.CHLD_SINK_NONE {
			C.chld_go_lines(sink, C.int(1+i), unsafe.Pointer(to))
			sink.size = C.size_t(c.LineLimit)
		}
	}
	return options, nil
}
