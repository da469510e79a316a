/// <reference types="node" />

import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { ReadStream, WriteStream } from 'node:tty';

type SignalName = NodeJS.Signals | number;

/** How a child is, or how it exited; as a string, in words: `killed by SIGTERM (terminated)`. */
export class Status {
  /** `lost`: other code has reaped it, and its status is gone. */
  readonly state: 'running' | 'exited' | 'killed' | 'dumped' | 'stopped' | 'continued' | 'lost';
  /** The exit code of a child that exited by itself. */
  readonly code: number | null;
  /** The signal that killed, stopped or continued it. */
  readonly signal: NodeJS.Signals | null;
  /** Whether it exited with code 0. */
  readonly success: boolean;
  /** What `$?` would be in a shell. */
  readonly shellCode: number | null;
  /** What waitpid() would have stored, or -1. */
  readonly waitWord: number;
  toString(): string;
}

/** What a function of the library returned. `code` is `'ENOENT'`, `errno` is negative. */
export class ChldError extends Error {
  readonly code: string;
  readonly errno: number;
}

/** A child could not be started or captured. */
export class StartError extends ChldError {
  /** What failed: `exec`, `chdir`, …; `capture` if the child was started. */
  readonly step: string;
  /** The path, program or entry at which it failed. */
  readonly item: string;
  readonly index: number;
  /** The stage of a pipeline, counted from 0. */
  readonly stage: number | null;
}

/** With `check`: the child did not exit with code 0, or was stopped at the timeout. */
export class ExitError extends Error {
  readonly result: Result<string | Buffer>;
}

/** How to stop a child. Without steps it is SIGTERM and, two seconds later, SIGKILL. */
export interface StopPlan {
  /** Signals, and how many milliseconds to wait for the exit after each (Infinity: any). */
  steps?: Array<[SignalName, number]>;
  /** The child alone, the group that it leads, or it and all its descendants. */
  target?: 'child' | 'group' | 'tree';
  /** SIGKILL to what is left of the group or tree after the exit. */
  sweep?: boolean;
}

/**
 * A stream of a child. `ignore` is /dev/null, `stdout` and `stderr` are the child's other
 * stream. A descriptor, or what has one (a FileHandle), stays yours. A path is opened as in a
 * shell.
 */
export type Stream =
  | 'inherit' | 'ignore' | 'pipe' | 'pty' | 'closed'
  | number
  | { fd: number }
  | { path: string | Buffer; flags?: number; mode?: number };

/** An argument or a value: a Buffer passes any bytes except NUL. */
export type Text = string | Uint8Array;

export interface StartOptions {
  cwd?: string | Uint8Array | URL;
  /** The whole environment; that of this process by default. */
  env?: Record<string, Text>;
  /** Variables to set, or with null to remove. */
  setEnv?: Record<string, Text | null | undefined>;
  stdin?: Stream;
  stdout?: Stream | 'stderr';
  stderr?: Stream | 'stdout';
  /** More descriptors: the child's number, and ours. */
  fds?: Record<number, number>;
  /** The program, if it is not the first argument. */
  program?: Text;
  /** Search it along the PATH of the child's environment. */
  searchChildPath?: boolean;
  /** /bin/sh runs a file that is executable but no program. */
  shellFallback?: boolean;
  /** Of the pseudo-terminal. */
  pty?: { rows?: number; columns?: number; echo?: boolean };
  /** true: the leader of a new process group; a number: a group to join. */
  group?: true | number;
  session?: boolean;
  controllingTerminal?: boolean;
  foreground?: boolean;
  inheritFds?: boolean;
  /** The descriptor of the directory of a cgroup (v2). `ownCgroup`: for this child alone. */
  cgroup?: number;
  ownCgroup?: boolean;
  limits?: Array<{ resource: number; soft?: number | bigint; hard?: number | bigint }>;
  cpus?: number[];
  uid?: number;
  gid?: number;
  groups?: number[];
  umask?: number;
  nice?: number;
  noNewPrivs?: boolean;
  subreaper?: boolean;
  /** The signal that it gets when the thread that started it exits. */
  deathSignal?: SignalName;
  /** Kill it when this process exits normally. */
  killOnClose?: boolean;
  /** Have the kernel kill it when this process dies (Linux 7.1). */
  killOnDeath?: boolean;
  /** No other code of this process can reap it (Linux 7.1). */
  private?: boolean;
  /** It ignores these signals and no others. */
  ignoredSignals?: SignalName[];
  blockedSignals?: SignalName[];
  /** Signals that have their default disposition in any case. */
  resetSignals?: SignalName[];
}

interface Ending {
  /** Milliseconds after which the child is stopped by `stop`. */
  timeout?: number;
  stop?: StopPlan;
  /** Stops it, too, when it is aborted. */
  signal?: AbortSignal;
}

export interface SpawnOptions extends StartOptions, Ending {
  /** Also report that it stops and continues. This installs a handler of SIGCHLD. */
  watch?: boolean;
}

export type Keep = 'all' | 'nothing' | { head: number } | { tail: number } | { headTail: number };

interface CaptureOptions extends Ending {
  /** What the child reads on its stdin. */
  input?: string | Uint8Array;
  /** Strings instead of Buffers. */
  encoding?: BufferEncoding | 'buffer';
  /** Reject with an ExitError unless it exits with code 0. */
  check?: boolean;
  keepStdout?: Keep;
  keepStderr?: Keep;
  /** Also read what descendants write after the child has exited. */
  toTheEnd?: boolean;
}

/** Stdout and stderr are captured unless they are set to something else. */
export interface RunOptions extends StartOptions, CaptureOptions {}

type InText = { encoding: BufferEncoding };

export interface Usage {
  userMicroseconds: number;
  systemMicroseconds: number;
  maxResidentKib: number;
  minorFaults: number;
  majorFaults: number;
  blocksIn: number;
  blocksOut: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
}

export interface StreamInfo {
  /** How many bytes came. */
  total: number;
  /** How many of the kept bytes are from the start. */
  fromHead: number;
  truncated: boolean;
  /** Another process still has it open. */
  held: boolean;
  /** Why nothing more was kept, or 0. */
  errno: number;
}

export interface Result<T> {
  status: Status;
  stdout: T;
  stderr: T;
  stdoutInfo: StreamInfo;
  stderrInfo: StreamInfo;
  timedOut: boolean;
  aborted: boolean;
  /** The last signal of the stop plan, if one was sent. */
  stoppedBy: NodeJS.Signals | null;
  /** How many bytes of the input the pipe took. */
  fed: number;
  pid: number;
  /** Milliseconds. */
  elapsed: number;
  usage: Usage;
}

export interface PipelineResult<T> extends Result<T> {
  /** The status of the rightmost stage that failed, or of the last one. */
  pipefail: Status;
  /** The number of that stage, counted from 0. */
  failed: number | null;
  stages: Array<{ pid: number; status: Status; usage: Usage }>;
}

/**
 * Runs a child: feeds it, keeps what it writes, and waits for its exit, whatever its status.
 * Rejects with a StartError, or, when `signal` is aborted, with an AbortError whose `result`
 * has what had come until then.
 */
export function run(argv: readonly Text[], options: RunOptions & InText): Promise<Result<string>>;
export function run(argv: readonly Text[], options?: RunOptions): Promise<Result<Buffer>>;

/** A stage of a pipeline. Only the first may set stdin, and only the last stdout. */
export type Stage = readonly Text[] | readonly [readonly Text[], StartOptions];

/** Runs a pipeline. `check` takes its `pipefail`. */
export function pipeline(stages: readonly Stage[], options: CaptureOptions & InText):
  Promise<PipelineResult<string>>;
export function pipeline(stages: readonly Stage[], options?: CaptureOptions):
  Promise<PipelineResult<Buffer>>;

/** A child, by spawn(). */
export class Child extends EventEmitter {
  private constructor();
  /** For messages: see kill(). */
  readonly pid: number;
  readonly exited: Promise<Status>;
  /** After its exit. */
  readonly status: Status | null;
  readonly usage: Usage | null;
  /**
   * The other end of a stream that is `pipe` or `pty`. A terminal is one stream, that of
   * stdout, for all three.
   */
  readonly stdin: Socket | WriteStream | null;
  readonly stdout: Socket | ReadStream | null;
  readonly stderr: Socket | ReadStream | null;
  /** Sends a signal; false if it has exited. Never hits another process. */
  kill(signal?: SignalName): boolean;
  /** Sends a signal to the group that it leads. */
  killGroup(signal?: SignalName): boolean;
  /** Sends a signal to it and its descendants, and resolves with how many are left. */
  killTree(signal?: SignalName): Promise<number>;
  /** Stops it by a sequence of signals. Rejects with ETIMEDOUT if it survives that. */
  stop(plan?: StopPlan): Promise<Status>;
  /** Its next stop, continuation, or exit. Needs the option `watch`. */
  change(): Promise<Status>;
  /** Changes the size of its pseudo-terminal, which must be its stdin and its stdout. */
  resize(rows: number, columns: number): void;
  ref(): this;
  /** This process does not go on for it. */
  unref(): this;
  on(event: 'exit' | 'stopped' | 'continued', listener: (status: Status) => void): this;
  once(event: 'exit' | 'stopped' | 'continued', listener: (status: Status) => void): this;
}

/** Starts a child, with the streams of this process. Throws a StartError. */
export function spawn(argv: readonly Text[], options?: SpawnOptions): Child;

/** Starts a program that is nobody's child. */
export function spawnDetached(argv: readonly Text[], options?: StartOptions): void;

/** What reports exits on this system. */
export function engine(): 'pidfd' | 'sigchld';

/** The version of the library. */
export function version(): string;
