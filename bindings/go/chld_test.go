package chld_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.org/chld"
)

var ctx = context.Background()

func sh(script string) *chld.Cmd { return chld.Command("sh", "-c", script) }

// must fails the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal fails the test unless the two are.
func equal(t *testing.T, is, should any) {
	t.Helper()
	if !reflect.DeepEqual(is, should) {
		t.Errorf("%v (%T), not %v (%T)", is, is, should, should)
	}
}

func TestOutputHasTheExitInItsError(t *testing.T) {
	out, err := sh("echo out; echo err >&2; exit 3").Output(ctx)
	equal(t, string(out), "out\n")
	var exit *chld.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	equal(t, exit.Status.ExitCode(), 3)
	equal(t, string(exit.Stderr), "err\n")
	equal(t, err.Error(), "exited with code 3")
	out, err = chld.Command("echo", "there").Output(ctx)
	must(t, err)
	equal(t, string(out), "there\n")
}

func TestStreamsOfAChild(t *testing.T) {
	cmd := chld.Command("tr", "a-z", "A-Z")
	cmd.Stdin, cmd.Stdout = chld.Pipe, chld.Pipe
	child, err := cmd.Start()
	must(t, err)
	defer child.Close()
	if child.Stderr != nil {
		t.Error("there is a stderr")
	}
	_, err = io.WriteString(child.Stdin, "text")
	must(t, err)
	must(t, child.Stdin.Close())
	text, err := io.ReadAll(child.Stdout)
	must(t, err)
	equal(t, string(text), "TEXT")
	status, err := child.Wait(ctx)
	must(t, err)
	equal(t, status.Success(), true)
	used, err := child.Usage()
	must(t, err)
	equal(t, used.MaxResidentKiB > 0, true)
}

func TestAReadEndsWithItsDeadline(t *testing.T) {
	cmd := chld.Command("sleep", "60")
	cmd.Stdout = chld.Pipe
	child, err := cmd.Start()
	must(t, err)
	must(t, child.Stdout.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = child.Stdout.Read(make([]byte, 1))
	equal(t, errors.Is(err, os.ErrDeadlineExceeded), true)
	must(t, child.Signal(syscall.SIGKILL))
	<-child.Exited()
	equal(t, child.Signal(syscall.SIGTERM), os.ErrProcessDone)
	must(t, child.Close())
	equal(t, child.Close(), os.ErrProcessDone)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	child, err := chld.Command("sleep", "60").Start()
	must(t, err)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = child.Wait(short)
	equal(t, err, context.DeadlineExceeded)
	_, err = child.WaitChange(short)
	equal(t, err, context.DeadlineExceeded)
	status, err := child.Stop(ctx, chld.StopPlan{})
	must(t, err)
	equal(t, status.Signal(), syscall.SIGTERM)
	equal(t, status.String(), "killed by SIGTERM (terminated)")
}

func TestAStopPlanGoesOnToItsNextStep(t *testing.T) {
	cmd := sh("trap '' INT; echo ready; while :; do sleep 0.05; done")
	cmd.Stdout = chld.Pipe
	child, err := cmd.Start()
	must(t, err)
	_, err = child.Stdout.Read(make([]byte, 1))
	must(t, err)
	status, err := child.Stop(ctx, chld.StopPlan{Steps: []chld.Step{
		{syscall.SIGINT, 50 * time.Millisecond}, {syscall.SIGKILL, -1}}})
	must(t, err)
	equal(t, status.Signal(), syscall.SIGKILL)
}

func TestLines(t *testing.T) {
	var lines []string
	result, err := sh("echo one; echo two >&2; printf three").Lines(ctx,
		func(stream int, line []byte) error {
			lines = append(lines, fmt.Sprint(stream, " ", string(line)))
			return nil
		})
	must(t, err)
	equal(t, result.Status.Success(), true)
	equal(t, len(lines), 3)
	for _, line := range []string{"1 one\n", "2 two\n", "1 three"} {
		equal(t, strings.Contains(strings.Join(lines, "|"), line), true)
	}
	enough := errors.New("enough")
	result, err = sh("echo one; exec sleep 60").Lines(ctx, func(int, []byte) error { return enough })
	equal(t, err, enough)
	equal(t, result.Status.Signal(), syscall.SIGTERM)
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	result, err = sh("exec sleep 60").Lines(short, func(int, []byte) error { return nil })
	equal(t, err, context.DeadlineExceeded)
	equal(t, result.Cancelled, true)
}

func TestAPanicInLinesComesOut(t *testing.T) {
	defer func() { equal(t, recover(), "on purpose") }()
	_, _ = sh("echo one; exec sleep 60").Lines(ctx, func(int, []byte) error { panic("on purpose") })
}

func TestPipeline(t *testing.T) {
	pipeline := chld.NewPipeline(sh("cat; exit 3"), chld.Command("sort"))
	pipeline.Input = []byte("b\na\n")
	result, err := pipeline.Run(ctx)
	must(t, err)
	equal(t, string(result.Stdout), "a\nb\n")
	equal(t, []int{result.Status.Code, result.Pipefail.Code, result.Failed}, []int{0, 3, 0})
	equal(t, len(result.Stages), 2)

	_, err = chld.NewPipeline(sh("exit 0"), chld.Command("/no/such/program")).Run(ctx)
	var failure *chld.Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	equal(t, failure.Stage, 1)

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	result, err = chld.NewPipeline(chld.Command("sleep", "60"), chld.Command("cat")).Run(short)
	equal(t, err, context.DeadlineExceeded)
	equal(t, result.Stages[0].Status.Signal(), syscall.SIGTERM)

	last := sh("cat")
	last.Stdout = chld.Pipe
	children, err := chld.NewPipeline(sh("echo through"), last).Start()
	must(t, err)
	text, err := io.ReadAll(children[1].Stdout)
	must(t, err)
	equal(t, string(text), "through\n")
}

func TestKeepAndTee(t *testing.T) {
	for want, keep := range map[string]chld.Keep{"0123": chld.KeepHead(4), "6789": chld.KeepTail(4),
		"0189": chld.KeepHeadTail(4), "": chld.KeepNothing(), "0123456789": {}} {
		cmd := sh("printf 0123456789")
		cmd.KeepStdout = keep
		result, err := cmd.Run(ctx)
		must(t, err)
		equal(t, string(result.Stdout), want)
		equal(t, result.OutInfo.Total, uint64(10))
	}
	from, to, err := os.Pipe()
	must(t, err)
	cmd := sh("printf both")
	cmd.TeeStdout = to
	result, err := cmd.Run(ctx)
	must(t, err)
	must(t, to.Close())
	text, err := io.ReadAll(from)
	must(t, err)
	equal(t, text, result.Stdout)
}

func TestSettingsArrive(t *testing.T) {
	from, to, err := os.Pipe()
	must(t, err)
	umask := os.FileMode(0o27)
	cmd := sh(`umask; ulimit -n; echo "${HOME-none} $A"; echo there >&4`)
	cmd.Umask, cmd.Env, cmd.NewGroup = &umask, []string{"PATH=/usr/bin:/bin"}, true
	cmd.SetEnv = []string{"A=b"}
	cmd.Limits = []chld.Limit{{Resource: 7, Soft: 100, Hard: 100}}
	cmd.ExtraFiles = []*os.File{nil, to}
	result, err := cmd.Run(ctx)
	must(t, err)
	equal(t, string(result.Stdout), "0027\n100\nnone b\n")
	must(t, to.Close())
	text, err := io.ReadAll(from)
	must(t, err)
	equal(t, string(text), "there\n")
}

func TestTerminal(t *testing.T) {
	cmd := sh("stty size; read line; stty size")
	cmd.Stdin, cmd.Stdout, cmd.Rows, cmd.Columns = chld.Pty, chld.Pty, 30, 90
	child, err := cmd.Start()
	must(t, err)
	buffer := make([]byte, 7)
	_, err = io.ReadFull(child.Stdout, buffer)
	must(t, err)
	equal(t, string(buffer), "30 90\r\n")
	must(t, child.ResizePty(40, 100))
	_, err = io.WriteString(child.Stdin, "\n")
	must(t, err)
	rest, _ := io.ReadAll(child.Stdout) // the end is EIO
	equal(t, bytes.Contains(rest, []byte("40 100")), true)
	_, err = child.Wait(ctx)
	must(t, err)
}

func TestAdopt(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 9"}, nil)
	must(t, err)
	child, err := chld.Adopt(pid)
	must(t, err)
	status, err := child.Wait(ctx)
	must(t, err)
	equal(t, status.ExitCode(), 9)
}

func TestErrorsAreThoseOfGo(t *testing.T) {
	_, err := chld.Command("/no/such/program").Start()
	equal(t, errors.Is(err, fs.ErrNotExist), true)
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, err = chld.Command("true").Run(done)
	equal(t, err, context.Canceled)
	bad := chld.Command("true")
	bad.Stop.Steps = []chld.Step{{Signal: 999}}
	_, err = bad.Run(ctx)
	equal(t, errors.Is(err, syscall.EINVAL), true)
}

// Opening a FIFO lasts until its other end is opened.
func TestAStartThatTakesLongDelaysNobody(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(fifo, 0o600))
	slow := make(chan string)
	go func() {
		cmd := chld.Command("cat")
		cmd.Stdin = chld.Path(fifo)
		result, err := cmd.Run(ctx)
		if err != nil {
			t.Error(err)
		}
		slow <- string(result.Stdout)
	}()
	result, err := sh("exit 3").Run(ctx)
	must(t, err)
	equal(t, result.Status.ExitCode(), 3)
	must(t, os.WriteFile(fifo, []byte("text"), 0))
	equal(t, <-slow, "text")
}

// threads is how many this process has.
func threads(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/task")
	must(t, err)
	return len(entries)
}

func TestAWaitHoldsNoThread(t *testing.T) {
	const many = 100
	from, to, err := os.Pipe()
	must(t, err)
	var group sync.WaitGroup
	stop, cancel := context.WithCancel(ctx)
	before := threads(t)
	for i := 0; i < many; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			cmd := sh("echo; exec sleep 60")
			cmd.TeeStdout = to
			result, err := cmd.Run(stop)
			if result == nil || !result.Cancelled || err != context.Canceled {
				t.Error(result, err)
			}
		}()
		// It runs. A start does hold a thread: one at a time.
		_, err = io.ReadFull(from, make([]byte, 1))
		must(t, err)
	}
	more := threads(t) - before
	cancel()
	group.Wait()
	if more > many/4 {
		t.Errorf("%d threads more for %d children", more, many)
	}
}

func TestNoDescriptorIsLeft(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	all := func() {
		for i := 0; i < 50; i++ {
			cmd := chld.Command("cat")
			cmd.Input = []byte("text")
			result, err := cmd.Run(ctx)
			must(t, err)
			equal(t, string(result.Stdout), "text")
			_, err = sh("echo line").Lines(ctx, func(int, []byte) error { return nil })
			must(t, err)
			child, err := sh("exit 0").Start()
			must(t, err)
			_, err = child.WaitChange(ctx)
			must(t, err)
			must(t, child.Close())
		}
	}
	all()
	before := open()
	all()
	if after := open(); after > before {
		t.Errorf("%d descriptors, and %d before", after, before)
	}
}

func TestBesideOsExec(t *testing.T) {
	var group sync.WaitGroup
	for i := 0; i < 40; i++ {
		group.Add(2)
		script := fmt.Sprintf("sleep 0.1; exit %d", i)
		go func(code int) {
			defer group.Done()
			var exit *exec.ExitError
			err := exec.Command("sh", "-c", script).Run()
			if code != 0 && (!errors.As(err, &exit) || exit.ExitCode() != code) {
				t.Error(code, err)
			}
		}(i)
		go func(code int) {
			defer group.Done()
			child, err := sh(script).Start()
			if err != nil {
				t.Error(err)
				return
			}
			if status, err := child.Wait(ctx); err != nil || status.ExitCode() != code {
				t.Error(code, status, err)
			}
		}(i)
	}
	group.Wait()
}
