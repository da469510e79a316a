// The conformance list of the bindings (bindings/conformance.txt): one line per item.
//
// "conformance ctrl-c" is the process of its own of the item of that name.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"example.org/chld"
)

var background = context.Background()

func sh(script string) *chld.Cmd { return chld.Command("sh", "-c", script) }

// require is an error unless all of these are so: pairs of a value and what it should be.
func require(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			return fmt.Errorf("%v, not %v", pairs[i], pairs[i+1])
		}
	}
	return nil
}

func wait(cmd *chld.Cmd) (chld.Status, error) {
	child, err := cmd.Start()
	if err != nil {
		return chld.Status{}, err
	}
	defer child.Close()
	return child.Wait(background)
}

func exits(script string, code int) func() error {
	return func() error {
		status, err := wait(sh(script))
		return require(err, nil, status.State, chld.Exited, status.ExitCode(), code,
			status.Signal(), syscall.Signal(0))
	}
}

func isKilled(script string, signal syscall.Signal) func() error {
	return func() error {
		status, err := wait(sh("ulimit -c 0; " + script))
		return require(err, nil, status.State, chld.Killed, status.Signal(), signal,
			status.ExitCode(), -1)
	}
}

// fails is whether the error is a start's, with these.
func fails(err error, errno syscall.Errno, step, item string) error {
	var failure *chld.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("the error is %v", err)
	}
	return require(failure.Errno, errno, failure.Step, step, failure.Item, item)
}

func missing() error {
	_, err := chld.Command("/no/such/program").Start()
	return fails(err, syscall.ENOENT, "exec", "/no/such/program")
}

func captured() error {
	cmd := sh(`echo "$PWD $CHILD $(tr a-z A-Z)"; head -c 100000 /dev/zero >&2; exit 3`)
	cmd.Dir, cmd.SetEnv, cmd.Input = "/", []string{"CHILD=captured"}, []byte("captured")
	result, err := cmd.Run(background)
	if err != nil {
		return err
	}
	return require(result.Status.ExitCode(), 3, string(result.Stdout), "/ captured CAPTURED\n",
		len(result.Stderr), 100000)
}

func slow() error {
	cmd := sh("exec sleep 60")
	cmd.Timeout = 200 * time.Millisecond
	cmd.Stop.Steps = []chld.Step{{Signal: syscall.SIGKILL, Wait: -1}}
	result, err := cmd.Run(background)
	if err != nil {
		return err
	}
	return require(result.Status.Signal(), syscall.SIGKILL, result.TimedOut, true)
}

func stops(script string, signal syscall.Signal, code int) func() error {
	return func() error {
		child, err := sh(script).Start()
		if err != nil {
			return err
		}
		defer child.Close()
		stopped, err := child.WaitChange(background)
		if err != nil {
			return err
		}
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
			if err := child.Signal(signal); err != nil {
				return err
			}
		}
		status, err := child.Wait(background)
		if err != nil {
			return err
		}
		return require(stopped.State, chld.Stopped, stopped.Signal(), syscall.SIGSTOP,
			status.Signal(), signal, status.ExitCode(), code)
	}
}

// writes is whether Run of a Cmd has this output.
func writes(cmd *chld.Cmd, stdout, stderr string) error {
	result, err := cmd.Run(background)
	if err != nil {
		return err
	}
	return require(string(result.Stdout), stdout, string(result.Stderr), stderr)
}

const both = "echo a; echo b >&2"

func merged() error {
	cmd := sh(both)
	cmd.Stderr = chld.ToStdout
	return writes(cmd, "a\nb\n", "")
}

func discarded() error {
	one, two := sh(both), sh(both)
	one.Stderr, two.Stdout = chld.Null, chld.Null
	if err := writes(one, "a\n", ""); err != nil {
		return err
	}
	return writes(two, "", "b\n")
}

func redirected() error {
	folder, err := os.MkdirTemp("", "chld-go")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	one, two := filepath.Join(folder, "one"), filepath.Join(folder, "two")
	if err := os.WriteFile(one, []byte("text\n"), 0o600); err != nil {
		return err
	}
	arrives := func(cmd *chld.Cmd) error {
		if err := writes(cmd, "", ""); err != nil {
			return err
		}
		text, err := os.ReadFile(two)
		if err != nil {
			return err
		}
		return require(string(text), "text\n", os.Remove(two), nil)
	}
	cat := chld.Command("cat")
	cat.Stdin, cat.Stdout = chld.Path(one), chld.Path(two)
	if err := arrives(cat); err != nil {
		return err
	}
	from, err := os.Open(one)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(two)
	if err != nil {
		return err
	}
	cat.Stdin, cat.Stdout = chld.File(from), chld.File(to)
	if err := arrives(cat); err != nil {
		return err
	}
	_, err = from.Stat()
	return require(err, nil, to.Close(), nil)
}

func large() error {
	cmd := sh("head -c 10000000 /dev/zero >&2; cat")
	cmd.Input = bytes.Repeat([]byte("0123456789"), 1000000)
	result, err := cmd.Run(background)
	if err != nil {
		return err
	}
	return require(bytes.Equal(result.Stdout, cmd.Input), true, len(result.Stderr), 10000000)
}

func odd() error {
	const bytes = "\xff\xfe\x80"
	cmd := chld.Command("sh", "-c", `printf '%s|%s' "$1" "$BYTES"`, "sh", bytes)
	cmd.SetEnv = []string{"BYTES=" + bytes}
	return writes(cmd, bytes+"|"+bytes, "")
}

// refused is whether nothing was started for this.
func refused(change func(*chld.Cmd), step, item string) error {
	cmd := chld.Command("true")
	change(cmd)
	_, err := cmd.Run(background)
	return fails(err, syscall.EINVAL, step, item)
}

func nulArgument() error {
	return refused(func(c *chld.Cmd) { c.Args = []string{"echo", "shown\x00cut"} }, "arguments",
		"shown\x00cut")
}

func nulEnvironment() error {
	for _, entry := range []string{"A\x00B=value", "A=val\x00ue"} {
		err := refused(func(c *chld.Cmd) { c.SetEnv = []string{entry} }, "environment", entry)
		if err == nil {
			err = refused(func(c *chld.Cmd) { c.Env = []string{entry} }, "environment", entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func nulPath() error {
	err := refused(func(c *chld.Cmd) { c.Dir = "/\x00tmp" }, "chdir", "/\x00tmp")
	if err != nil {
		return err
	}
	return refused(func(c *chld.Cmd) { c.Stdin = chld.Path("/dev/null\x00") }, "open", "/dev/null\x00")
}

const trap = "trap 'exit 123' TERM; kill -STOP $$; exit 7"

var items = []struct {
	name string
	test func() error
}{
	{"success", exits("exit 0", 0)},
	{"failure", exits("exit 1", 1)},
	{"pretender", exits("exit 143", 143)},
	{"segfault", isKilled("kill -SEGV $$", syscall.SIGSEGV)},
	{"abort", isKilled("kill -ABRT $$", syscall.SIGABRT)},
	{"missing", missing},
	{"captured", captured},
	{"slow", slow},
	{"stopped", stops("kill -STOP $$; exit 7", syscall.SIGTERM, -1)},
	{"caught", stops(trap, 0, 123)},
	{"merged-stderr", merged},
	{"discarded", discarded},
	{"redirected", redirected},
	{"large-output", large},
	{"bytes", odd},
	{"nul-argument", nulArgument},
	{"nul-environment", nulEnvironment},
	{"nul-path", nulPath},
	{"string-for-list # does not compile: Args is a []string", func() error { return nil }},
	{"timeout-partial", timeoutPartial},
	{"cancel", cancel},
	{"ctrl-c", ctrlC},
	{"beside", beside},
	{"error-step", errorStep},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "ctrl-c" {
		interruptible()
		return
	}
	code := 0
	for _, item := range items {
		if err := item.test(); err != nil {
			fmt.Printf("not ok %s: %v\n", item.name, err)
			code = 1
			continue
		}
		fmt.Printf("ok %s\n", item.name)
	}
	os.Exit(code)
}
