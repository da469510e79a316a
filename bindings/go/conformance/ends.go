package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.org/chld"
)

func timeoutPartial() error {
	begun := time.Now()
	cmd := sh("echo begun; exec sleep 60")
	cmd.Timeout = 300 * time.Millisecond
	result, err := cmd.Run(background)
	if err != nil {
		return err
	}
	return require(result.TimedOut, true, string(result.Stdout), "begun\n",
		time.Since(begun) < 5*time.Second, true)
}

func cancel() error {
	ctx, cancel := context.WithCancel(background)
	var at time.Time
	time.AfterFunc(300*time.Millisecond, func() {
		at = time.Now()
		cancel()
	})
	result, err := sh("echo begun; exec sleep 60").Run(ctx)
	if result == nil {
		return err
	}
	return require(err, context.Canceled, result.Cancelled, true, result.Status.Signal(),
		syscall.SIGTERM, time.Since(at) < 2*time.Second, true, string(result.Stdout), "begun\n")
}

// interruptible is what a program does that leaves no children behind at Control-C.
func interruptible() {
	ctx, stop := signal.NotifyContext(background, os.Interrupt)
	defer stop()
	cmd := sh("echo $$ >&2; exec sleep 60")
	cmd.Stderr = chld.Inherit
	result, err := cmd.Run(ctx)
	if err != context.Canceled || !result.Cancelled {
		os.Exit(1)
	}
}

func ctrlC() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := chld.Command(self, "ctrl-c")
	cmd.Stderr = chld.Pipe
	child, err := cmd.Start()
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	if err := child.Signal(syscall.SIGINT); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(background, 2*time.Second)
	defer cancel()
	status, err := child.Wait(ctx)
	if err != nil {
		return err
	}
	// The end of the pipe: nobody has it open.
	pid, err := io.ReadAll(child.Stderr)
	if err != nil {
		return err
	}
	_, err = os.Stat("/proc/" + strings.TrimSpace(string(pid)))
	return require(status.ExitCode(), 0, errors.Is(err, os.ErrNotExist), true)
}

// beside starts children of both kinds at once, while a goroutine never yields: the runtime
// then interrupts threads by SIGURG to take turns.
func beside() error {
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	defer close(stop)
	wrong := make(chan error, 240)
	var group sync.WaitGroup
	try := func(run func(string) (int, error), code int) {
		defer group.Done()
		is, err := run(fmt.Sprintf("sleep 0.1; exit %d", code))
		if err == nil {
			err = require(is, code)
		}
		wrong <- err
	}
	ours := func(script string) (int, error) {
		status, err := wait(sh(script))
		return status.ExitCode(), err
	}
	own := func(script string) (int, error) {
		cmd := exec.Command("sh", "-c", script)
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = nil
		}
		return cmd.ProcessState.ExitCode(), err
	}
	for n := 0; n < 200; n++ {
		group.Add(1)
		go try(ours, n%256)
		if n < 40 {
			group.Add(1)
			go try(own, n)
		}
	}
	group.Wait()
	close(wrong)
	for err := range wrong {
		if err != nil {
			return err
		}
	}
	return nil
}

func errorStep() error {
	cmd := chld.Command("true")
	cmd.Dir = "/no/such/directory"
	_, err := cmd.Run(background)
	return fails(err, syscall.ENOENT, "chdir", "/no/such/directory")
}
