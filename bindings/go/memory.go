package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
#include <stdlib.h>

static void *chld_go_zeros(size_t count, size_t size) { return calloc(count ? count : 1, size); }
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// memory is C's, for what the library is pointed at. It must not be Go's: C pointers in it
// lead on to more.
type memory []unsafe.Pointer

func (m *memory) free() {
	for _, p := range *m {
		C.free(p)
	}
	*m = nil
}

// zeros is C memory for this many of a type.
func zeros[T any](m *memory, count int) []T {
	var one T
	p := C.chld_go_zeros(C.size_t(count), C.size_t(unsafe.Sizeof(one)))
	if p == nil {
		panic("chld: no memory left")
	}
	*m = append(*m, p)
	return unsafe.Slice((*T)(p), count)
}

// first leads to the elements; nil if there are none.
func first[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

func (m *memory) string(text string, step C.int32_t, index int) (*C.char, error) {
	if err := refuse(text, step, index); err != nil {
		return nil, err
	}
	p := C.CString(text)
	*m = append(*m, unsafe.Pointer(p))
	return p, nil
}

// strings is a list that ends with NULL.
func (m *memory) strings(list []string, step C.int32_t) (**C.char, error) {
	pointers := zeros[*C.char](m, len(list)+1)
	for i, text := range list {
		p, err := m.string(text, step, i)
		if err != nil {
			return nil, err
		}
		pointers[i] = p
	}
	return &pointers[0], nil
}

// number is the descriptor of a file, in the mode that it is in: File.Fd() would make it
// blocking.
func number(file *os.File) (C.int32_t, error) {
	fd := -1
	conn, err := file.SyscallConn()
	if err == nil {
		err = conn.Control(func(open uintptr) { fd = int(open) })
	}
	return C.int32_t(fd), err
}

// start is a Cmd as C sees it. Keep the Cmd alive as long as it is used: its files.
type start struct {
	argv    **C.char
	options *C.chld_spawn_options
}

func (m *memory) start(c *Cmd) (start, error) {
	all := &zeros[C.chld_spawn_options](m, 1)[0]
	all.size = C.size_t(unsafe.Sizeof(*all))
	argv, err := m.strings(c.Args, C.CHLD_STEP_ARGUMENTS)
	for _, set := range []func(*Cmd, *C.chld_spawn_options) error{
		m.setStrings, m.setStreams, m.setFiles, m.setLists,
	} {
		if err == nil {
			err = set(c, all)
		}
	}
	setNumbers(c, all)
	return start{argv, all}, err
}

func (m *memory) setStrings(c *Cmd, all *C.chld_spawn_options) (err error) {
	if c.Program != "" {
		if all.program, err = m.string(c.Program, C.CHLD_STEP_ARGUMENTS, 0); err != nil {
			return err
		}
	}
	if c.Dir != "" {
		if all.cwd, err = m.string(c.Dir, C.CHLD_STEP_CHDIR, 0); err != nil {
			return err
		}
	}
	if c.Env != nil {
		if all.env, err = m.strings(c.Env, C.CHLD_STEP_ENVIRONMENT); err != nil {
			return err
		}
	}
	if all.env_set, err = m.strings(c.SetEnv, C.CHLD_STEP_ENVIRONMENT); err != nil {
		return err
	}
	all.env_unset, err = m.strings(c.UnsetEnv, C.CHLD_STEP_ENVIRONMENT)
	return err
}

func (m *memory) setStreams(c *Cmd, all *C.chld_spawn_options) (err error) {
	places := []*C.chld_stdio{&all.in, &all.out, &all.err}
	for i, stream := range []Stdio{c.Stdin, c.Stdout, c.Stderr} {
		to := places[i]
		if stream.mode != 0 {
			to.mode = C.uint32_t(stream.mode - 1)
		}
		to.open_flags, to.open_mode = C.int32_t(stream.flags), C.uint32_t(stream.perm.Perm())
		if stream.file != nil {
			to.fd, err = number(stream.file)
		} else if to.mode == C.CHLD_STDIO_FD {
			err = fmt.Errorf("chld: File(nil): %w", os.ErrInvalid)
		} else if to.mode == C.CHLD_STDIO_PATH {
			to.path, err = m.string(stream.path, C.CHLD_STEP_OPEN, i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) setFiles(c *Cmd, all *C.chld_spawn_options) (err error) {
	maps := zeros[C.chld_fd_map](m, len(c.ExtraFiles))[:0]
	for i, file := range c.ExtraFiles {
		if file == nil {
			continue
		}
		source, err := number(file)
		if err != nil {
			return err
		}
		maps = append(maps, C.chld_fd_map{source: source, target: C.int32_t(3 + i)})
	}
	all.fds, all.fds_count = first(maps), C.size_t(len(maps))
	if c.Cgroup != nil {
		all.flags |= C.CHLD_SPAWN_CGROUP
		all.cgroup_fd, err = number(c.Cgroup)
	}
	if c.OwnCgroup {
		all.flags |= C.CHLD_SPAWN_CGROUP_OWN
	}
	return err
}

func (m *memory) setLists(c *Cmd, all *C.chld_spawn_options) error {
	limits := zeros[C.chld_limit](m, len(c.Limits))
	for i, limit := range c.Limits {
		limits[i] = C.chld_limit{resource: C.int32_t(limit.Resource),
			soft: C.uint64_t(limit.Soft), hard: C.uint64_t(limit.Hard)}
	}
	all.limits, all.limits_count = first(limits), C.size_t(len(limits))
	var cpus []C.ulong
	bits := 8 * int(unsafe.Sizeof(C.ulong(0)))
	for _, cpu := range c.CPUs {
		if cpu < 0 || cpu >= 1<<16 {
			return fmt.Errorf("chld: CPU %d: %w", cpu, os.ErrInvalid)
		}
		for len(cpus) <= cpu/bits {
			cpus = append(cpus, 0)
		}
		cpus[cpu/bits] |= 1 << (cpu % bits)
	}
	if len(cpus) > 0 {
		set := zeros[C.ulong](m, len(cpus))
		copy(set, cpus)
		all.cpus, all.cpus_size = unsafe.Pointer(&set[0]), C.size_t(len(set)*bits/8)
	}
	if c.Credential != nil {
		groups := zeros[C.uint32_t](m, len(c.Credential.Groups))
		for i, group := range c.Credential.Groups {
			groups[i] = C.uint32_t(group)
		}
		all.groups, all.groups_count = first(groups), C.size_t(len(groups))
		all.uid, all.gid = C.uint32_t(c.Credential.UID), C.uint32_t(c.Credential.GID)
		all.flags |= C.CHLD_SPAWN_UID | C.CHLD_SPAWN_GID | C.CHLD_SPAWN_GROUPS
	}
	return nil
}

func setNumbers(c *Cmd, all *C.chld_spawn_options) {
	all.flags |= C.uint64_t(c.Flags)
	if c.SearchChildPath {
		all.search = C.CHLD_SEARCH_CHILD
	}
	all.rows, all.columns = C.uint16_t(c.Rows), C.uint16_t(c.Columns)
	if c.NewGroup {
		all.group_mode = C.CHLD_GROUP_NEW
	} else if c.Group != 0 {
		all.group_mode, all.group = C.CHLD_GROUP_JOIN, C.int32_t(c.Group)
	}
	if c.Umask != nil {
		all.flags |= C.CHLD_SPAWN_UMASK
		all.umask = C.uint32_t(c.Umask.Perm())
	}
	all.nice, all.death_signal = C.int32_t(c.Nice), C.int32_t(c.DeathSignal)
	if c.Signals.InheritIgnored {
		all.signals_mode = C.CHLD_SIGNALS_INHERIT
	} else if c.Signals.Ignored != nil {
		all.signals_mode, all.ignored = C.CHLD_SIGNALS_IGNORING, bits(c.Signals.Ignored)
	}
	if c.Signals.Blocked != nil {
		all.mask_mode, all.blocked = C.CHLD_MASK_BLOCKED, bits(c.Signals.Blocked)
	}
	all.reset = bits(c.Signals.Reset)
}

func bits(signals []syscall.Signal) (all C.uint64_t) {
	for _, signal := range signals {
		all |= 1 << (uint(signal) - 1)
	}
	return all
}

// milliseconds, rounded up: -1 for a negative time, and at most 24 days.
func milliseconds(d time.Duration) C.int32_t {
	const most = 1<<31 - 1
	switch ms := (d + time.Millisecond - 1) / time.Millisecond; {
	case d < 0:
		return -1
	case ms > most:
		return most
	default:
		return C.int32_t(ms)
	}
}

func (m *memory) plan(plan *StopPlan) *C.chld_stop_plan {
	raw := &zeros[C.chld_stop_plan](m, 1)[0]
	steps := zeros[C.chld_stop_step](m, len(plan.Steps))
	for i, step := range plan.Steps {
		steps[i] = C.chld_stop_step{C.int32_t(step.Signal), milliseconds(step.Wait)}
	}
	raw.size, raw.target = C.size_t(unsafe.Sizeof(*raw)), C.uint32_t(plan.Target)
	raw.steps, raw.steps_count = first(steps), C.size_t(len(steps))
	if plan.Sweep {
		raw.flags = C.CHLD_STOP_SWEEP
	}
	return raw
}

// capture is what Run has the set do. The memory must last until the last event.
func (m *memory) capture(c *Cmd, out, err Stdio) (*C.chld_capture_options, error) {
	all := &zeros[C.chld_capture_options](m, 1)[0]
	all.size, all.stop = C.size_t(unsafe.Sizeof(*all)), m.plan(&c.Stop)
	all.timeout_ms = -1
	if c.Timeout > 0 {
		all.timeout_ms = milliseconds(c.Timeout)
	}
	if c.ToTheEnd {
		all.flags |= C.CHLD_CAPTURE_EOF
	}
	if c.Input != nil {
		data := C.CBytes(c.Input)
		*m = append(*m, data)
		all.in.mode, all.in.data = C.CHLD_FEED_BUFFER, (*C.char)(data)
		all.in.size = C.size_t(len(c.Input))
	}
	if err := m.sink(&all.out, out, c.KeepStdout, c.TeeStdout); err != nil {
		return nil, err
	}
	return all, m.sink(&all.err, err, c.KeepStderr, c.TeeStderr)
}

func (m *memory) sink(to *C.chld_sink, stream Stdio, keep Keep, tee *os.File) (err error) {
	if !stream.isCaptured() {
		return nil
	}
	to.mode, to.size = C.CHLD_SINK_GROW, C.size_t(keep.size)
	if keep.mode != 0 {
		to.mode, to.buffer = C.uint32_t(keep.mode), &zeros[C.char](m, keep.size+1)[0]
	}
	if tee != nil {
		to.flags = C.CHLD_SINK_TEE
		to.fd, err = number(tee)
	}
	return err
}

// bytesOf is a copy of what C has there.
func bytesOf(data *C.char, size C.uint64_t) []byte {
	if data == nil || size == 0 {
		return nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(data)), int(size))...)
}

// keepFiles is called after C has used the descriptors of a Cmd.
func keepFiles(commands ...*Cmd) { runtime.KeepAlive(commands) }
