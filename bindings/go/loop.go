package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
#include <errno.h>
*/
import "C"

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// loop is a set whose descriptor is in the runtime's poller: a goroutine that waits for it
// holds no thread.
type loop struct {
	set  C.chld_set
	file *os.File
	conn syscall.RawConn
}

func openLoop() (*loop, error) {
	l := new(loop)
	if err := check("chld_set_open", C.chld_set_open(0, &l.set)); err != nil {
		return nil, err
	}
	// The descriptor of the set is the library's: the runtime gets a copy, and polls it if it
	// does not block. Nobody reads it.
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(C.chld_set_fd(l.set)),
		syscall.F_DUPFD_CLOEXEC, 0)
	err := error(nil)
	if errno != 0 {
		err = os.NewSyscallError("fcntl", errno)
	} else if err = syscall.SetNonblock(int(fd), true); err != nil {
		syscall.Close(int(fd))
	} else {
		l.file = os.NewFile(fd, "chld")
		l.conn, err = l.file.SyscallConn()
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	if l.file != nil {
		l.file.Close()
	}
	C.chld_set_close(l.set)
}

// next waits for an event. The library moves bytes meanwhile.
func (l *loop) next(ctx context.Context, event *C.chld_event) error {
	defer l.endWith(ctx)()
	result := C.int(-C.EAGAIN) // the function is not called if the deadline is over
	err := l.conn.Read(func(uintptr) bool {
		result = C.chld_set_next(l.set, event)
		return result != -C.EAGAIN
	})
	switch {
	case result != -C.EAGAIN:
		return check("chld_set_next", result)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return err
	}
}

// endWith has a read end when the context is done, until the function that it returns is
// called.
func (l *loop) endWith(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			l.file.SetReadDeadline(time.Unix(1, 0))
		case <-stop:
		}
	}()
	return func() {
		close(stop)
		<-stopped
		l.file.SetReadDeadline(time.Time{})
	}
}

// all is the loop of every child and capture, and who waits in it.
var all struct {
	sync.Mutex
	*loop
	// The function is called once, with the last event of the child, outside of the lock.
	waiting map[key]func(*C.chld_event)
}

// key is what an event is recognized by: the user pointer of a child that Run started, else
// the handle. Run has no handle yet when the event may come.
type key struct {
	user unsafe.Pointer
	id   C.chld_id
}

func keyOf(event *C.chld_event) key {
	if event.user != nil {
		return key{user: event.user}
	}
	return key{id: event.id}
}

// enter has `begin` add a child to the set, and `finish` called when the set has done with
// it.
func enter(one key, finish func(*C.chld_event), begin func(set C.chld_set) error) error {
	set, err := theSet(one, finish)
	if err != nil {
		return err
	}
	if err = begin(set); err != nil {
		forget(one)
	}
	return err
}

func theSet(one key, finish func(*C.chld_event)) (C.chld_set, error) {
	all.Lock()
	defer all.Unlock()
	if all.loop == nil {
		l, err := openLoop()
		if err != nil {
			return 0, err
		}
		all.loop, all.waiting = l, make(map[key]func(*C.chld_event))
		go report(l)
	}
	all.waiting[one] = finish
	return all.set, nil
}

// forget returns what is called at the end of a child, and calls it no more.
func forget(one key) func(*C.chld_event) {
	all.Lock()
	defer all.Unlock()
	finish := all.waiting[one]
	delete(all.waiting, one)
	return finish
}

func report(l *loop) {
	for {
		var event C.chld_event
		if err := l.next(context.Background(), &event); errors.Is(err, syscall.ENOMEM) {
			time.Sleep(10 * time.Millisecond) // until there is some
			continue
		} else if err != nil {
			panic("chld: " + err.Error()) // nobody closes this set
		}
		if event.last == 0 {
			continue // it has survived its stop sequence, and its exit is still reported
		}
		if finish := forget(keyOf(&event)); finish != nil { // else the child was closed
			finish(&event)
		}
	}
}

// stop begins a stop sequence.
func (l *loop) stop(id C.chld_id, plan *StopPlan) error {
	var m memory
	defer m.free()
	return check("chld_set_stop", C.chld_set_stop(l.set, id, 0, m.plan(plan)))
}
