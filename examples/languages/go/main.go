// The ten children of children.txt, in Go, and os/exec's beside chld's.
//
//	go run . ../children.txt
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.org/children/chld"
)

const besideEach = 40

func describe(s chld.Status) string {
	return fmt.Sprintf(" %v (state %d, code %d, word 0x%04x, $? %d)",
		s, s.State, s.Code, s.WaitWord, s.ShellCode())
}

func wait(args []string, _ string) (string, error) {
	child, err := chld.Start(chld.Command{Args: args})
	if err != nil {
		return "", err
	}
	status, err := child.Wait(context.Background())
	return describe(status), err
}

func run(args []string, name string) (string, error) {
	command := chld.Command{Args: args, Dir: "/", Env: []string{"CHILD=" + name}}
	done, err := chld.Run(command, []byte(name), chld.Limits{})
	line, _, _ := strings.Cut(string(done.Stdout), "\n")
	return fmt.Sprintf("%s out: %s err: %d bytes",
		describe(done.Status), line, len(done.Stderr)), err
}

func limit(args []string, _ string) (string, error) {
	kill := []chld.Step{{Signal: syscall.SIGKILL, Wait: -1}}
	done, err := chld.Run(chld.Command{Args: args}, nil,
		chld.Limits{Timeout: 200 * time.Millisecond, Stop: kill})
	if done.TimedOut {
		return describe(done.Status) + " at the limit", err
	}
	return describe(done.Status) + " by itself", err
}

func stop(args []string, _ string) (string, error) {
	child, err := chld.Start(chld.Command{Args: args})
	if err != nil {
		return "", err
	}
	stopped, err := child.Change()
	if err != nil {
		return "", err
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := child.Signal(signal); err != nil {
			return "", err
		}
	}
	status, err := child.Wait(context.Background())
	return describe(stopped) + describe(status), err
}

var ways = map[string]func(args []string, name string) (string, error){
	"wait": wait, "exec": wait, "run": run, "limit": limit, "stop": stop,
}

func ten(path string) error {
	list, err := os.Open(path)
	if err != nil {
		return err
	}
	defer list.Close()
	pattern := regexp.MustCompile(`^(\w+)\s+(\w+)\s+(.+)$`)
	for lines := bufio.NewScanner(list); lines.Scan(); {
		words := pattern.FindStringSubmatch(lines.Text())
		if words == nil {
			continue
		}
		name, way, args := words[1], words[2], []string{"sh", "-c", words[3]}
		if way == "exec" {
			args = args[2:]
		}
		said, err := ways[way](args, name)
		var failure *chld.StartError
		if errors.As(err, &failure) {
			said = fmt.Sprintf(" %v (step %s, index %d, errno %d)",
				err, failure.Step, failure.Index, failure.Errno)
		} else if err != nil {
			return err
		}
		fmt.Printf("%s:%s\n", name, said)
	}
	return nil
}

func own(code int) bool {
	var exit *exec.ExitError
	err := exec.Command("sh", "-c", fmt.Sprintf("sleep 0.1; exit %d", code)).Run()
	return errors.As(err, &exit) && exit.ExitCode() == code
}

func ours(code int) bool {
	child, err := chld.Start(chld.Command{
		Args: []string{"sh", "-c", fmt.Sprintf("sleep 0.1; exit %d", code)}})
	if err != nil {
		return false
	}
	status, err := child.Wait(context.Background())
	return err == nil && status.Code == code
}

// beside starts children from many goroutines at once, while another never yields:
// the runtime then interrupts threads by SIGURG to take turns.
func beside() {
	var ownRight, oursRight, done int32
	go func() {
		for atomic.LoadInt32(&done) == 0 {
		}
	}()
	var group sync.WaitGroup
	for n := 1; n <= besideEach; n++ {
		group.Add(2)
		try := func(start func(int) bool, code int, right *int32) {
			defer group.Done()
			if start(code) {
				atomic.AddInt32(right, 1)
			}
		}
		go try(own, n, &ownRight)
		go try(ours, 100+n, &oursRight)
	}
	group.Wait()
	atomic.StoreInt32(&done, 1)
	fmt.Printf("beside: %d of %d of its own, %d of %d of chld\n",
		ownRight, besideEach, oursRight, besideEach)
}

func main() {
	if err := ten(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	beside()
	fmt.Println("engine:", chld.Engine())
}
