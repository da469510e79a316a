package chld

/*
#define CHLD_PLAIN_ARGV
#include <chld.h>
*/
import "C"

import (
	"context"
	"time"
	"unsafe"
)

// Pipeline is programs of which each reads what the one before it writes. Only the first
// stage can set Stdin, and only the last Stdout. If the first has NewGroup, all stages are
// in its group. Input, Timeout, Stop and all that a capture has are those of the pipeline
// here, and not those of the stages.
type Pipeline struct {
	Stages  []*Cmd
	Input   []byte
	Timeout time.Duration
	Stop    StopPlan
	// KeepStdout is how much of the last stage's stdout is kept, KeepStderr of the stderr
	// of all.
	KeepStdout, KeepStderr Keep
}

// NewPipeline is a pipeline of these stages.
func NewPipeline(stages ...*Cmd) *Pipeline { return &Pipeline{Stages: stages} }

// PipelineResult is what came of a pipeline.
type PipelineResult struct {
	// Result is what was captured, and the status of the last stage.
	Result
	Stages []StageResult
	// Pipefail is the status of the rightmost stage that failed, or of the last one. Failed
	// is the number of that stage, counted from 0, or -1 if none failed.
	Pipefail Status
	Failed   int
}

// StageResult is what came of one stage.
type StageResult struct {
	PID    int
	Status Status
	Usage  Usage
}

// stages makes C's.
func (m *memory) stages(commands []*Cmd) ([]C.chld_stage, error) {
	stages := zeros[C.chld_stage](m, len(commands))
	for i, c := range commands {
		begin, err := m.start(c)
		if failure, ok := err.(*Error); ok {
			failure.Stage = i
		}
		if err != nil {
			return nil, err
		}
		stages[i].argv, stages[i].options = begin.argv, begin.options
	}
	return stages, nil
}

// Start starts all stages. If one cannot be started, none is left.
func (p *Pipeline) Start() ([]*Child, error) {
	var m memory
	defer m.free()
	defer keepFiles(p.Stages...)
	stages, err := m.stages(p.Stages)
	if err != nil {
		return nil, err
	}
	var failure C.chld_error
	if C.chld_pipeline(first(stages), C.size_t(len(stages)), &failure) < 0 {
		return nil, startError(&failure)
	}
	var children []*Child
	for i := range stages {
		child, failed := newChild(stages[i].id, p.Stages[i])
		if failed != nil {
			err = failed
			continue
		}
		children = append(children, child)
	}
	return children, err
}

// Run runs the pipeline, and returns when all stages have exited, as Cmd.Run does.
func (p *Pipeline) Run(ctx context.Context) (*PipelineResult, error) {
	var result *PipelineResult
	err := capture(ctx, &p.Stop, p.runIn, func(event *C.chld_event) {
		result = copyPipelineResult(event.pipeline)
	})
	if result != nil && err != nil {
		result.Cancelled, result.TimedOut = true, false
	}
	return result, err
}

func (p *Pipeline) runIn(m *memory, user unsafe.Pointer, set C.chld_set) (
	id C.chld_id, err error) {
	commands := append([]*Cmd(nil), p.Stages...)
	whole := &Cmd{Input: p.Input, Timeout: p.Timeout, Stop: p.Stop,
		KeepStdout: p.KeepStdout, KeepStderr: p.KeepStderr}
	if len(commands) > 0 {
		one, last := *commands[0], commands[len(commands)-1]
		one.Input = p.Input
		commands[0] = one.prepared()
		whole.Stdout, whole.Stderr = last.Stdout, last.Stderr
	}
	defer keepFiles(commands...)
	stages, err := m.stages(commands)
	if err != nil {
		return 0, err
	}
	options, err := m.capture(whole, whole.Stdout, whole.Stderr)
	if err != nil {
		return 0, err
	}
	if len(stages) > 0 { // the child of a pipeline in a set is its last stage
		stages[len(stages)-1].options.user = user
	}
	var failure C.chld_error
	if C.chld_set_run_pipeline(set, first(stages), C.size_t(len(stages)), options, &id,
		&failure) < 0 {
		return 0, startError(&failure)
	}
	return id, nil
}

func copyPipelineResult(raw *C.chld_pipeline_result) *PipelineResult {
	result := &PipelineResult{Result: *copyResult(&raw.capture), Pipefail: status(raw.pipefail),
		Failed: int(raw.failed) - 1}
	stages := unsafe.Slice((*C.chld_stage)(unsafe.Pointer(raw.stages)), int(raw.count))
	for i := range stages {
		result.Stages = append(result.Stages, StageResult{PID: int(stages[i].pid),
			Status: status(stages[i].status), Usage: usage(&stages[i].usage)})
	}
	return result
}
