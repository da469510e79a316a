//! `chld.h`, by hand: the structs, the constants and the functions that this crate uses.
//! `tests/layout.rs` compares all of them with the header.
//!
//! A function is `safe` here if it is sound for every value of its arguments: handles are
//! numbers that the library checks, and a reference is a pointer that it may use.

#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_char, c_int, c_void};

pub type chld_id = u64;
pub type chld_set = u64;

/// Declares structs, and `layout()`, the places of their members.
macro_rules! structs {
    ($($(#[$meta:meta])* struct $name:ident { $($member:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[repr(C)]
            #[derive(Clone, Copy)]
            pub struct $name { $(pub $member: $type,)* }

            impl $name {
                /// All members are 0: the default of each of them.
                pub fn zeroed() -> $name {
                    // SAFETY: the members are numbers, raw pointers, optional functions,
                    // and arrays and structs of these: all bits 0 is a value of each.
                    unsafe { std::mem::zeroed() }
                }
            }
        )*

        /// `(struct, size, [(member, offset)])` of each struct.
        pub fn layout() -> Vec<(&'static str, usize, Vec<(&'static str, usize)>)> {
            vec![$((
                stringify!($name),
                size_of::<$name>(),
                vec![$((stringify!($member), std::mem::offset_of!($name, $member)),)*],
            ),)*]
        }
    };
}

/// Declares constants, and `constants()`, their names and values.
macro_rules! constants {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(pub const $name: $type = $value;)*

        pub fn constants() -> Vec<(&'static str, i64)> {
            vec![$((stringify!($name), $name as i64),)*]
        }
    };
}

/// The input of a child: fills a buffer.
pub type feed_callback = unsafe extern "C" fn(*mut c_void, *mut c_char, usize) -> c_int;
/// The output of a child: takes bytes.
pub type sink_callback = unsafe extern "C" fn(*mut c_void, *const c_char, usize) -> c_int;

structs! {
    #[derive(PartialEq, Eq, Debug)]
    struct chld_status { state: i32, code: i32, core: i32, wait_word: i32, }

    struct chld_stdio {
        mode: u32, fd: i32, path: *const c_char, open_flags: i32, open_mode: u32,
    }

    struct chld_fd_map { source: i32, target: i32, }

    struct chld_limit { resource: i32, reserved: u32, soft: u64, hard: u64, }

    struct chld_spawn_options {
        size: usize, flags: u64, program: *const c_char, program_fd: i32, search: u32,
        env: *const *const c_char, env_set: *const *const c_char,
        env_unset: *const *const c_char, cwd: *const c_char, cwd_fd: i32, umask: u32,
        r#in: chld_stdio, out: chld_stdio, err: chld_stdio,
        fds: *const chld_fd_map, fds_count: usize, rows: u16, columns: u16,
        group_mode: u32, group: i32, cgroup_fd: i32,
        limits: *const chld_limit, limits_count: usize, cpus: *const c_void, cpus_size: usize,
        groups: *const u32, groups_count: usize, gid: u32, uid: u32, nice: i32,
        death_signal: i32, signals_mode: u32, mask_mode: u32, ignored: u64, blocked: u64,
        reset: u64, user: *mut c_void,
    }

    struct chld_error {
        code: i32, step: i32, index: i32, item: [c_char; 112], reason: i32, stage: i32,
    }

    struct chld_resources {
        user_us: u64, system_us: u64, max_resident_kib: u64, minor_faults: u64,
        major_faults: u64, blocks_in: u64, blocks_out: u64, voluntary_switches: u64,
        involuntary_switches: u64,
    }

    struct chld_stop_step { signal: i32, wait_ms: i32, }

    struct chld_stop_plan {
        size: usize, target: u32, flags: u32, steps: *const chld_stop_step, steps_count: usize,
    }

    struct chld_feed {
        mode: u32, flags: u32, data: *const c_char, size: usize,
        callback: Option<feed_callback>, argument: *mut c_void, reserved: [u32; 4],
    }

    struct chld_sink {
        mode: u32, flags: u32, buffer: *mut c_char, size: usize,
        callback: Option<sink_callback>, argument: *mut c_void, fd: i32, reserved: [u32; 5],
    }

    struct chld_capture_options {
        size: usize, flags: u32, timeout_ms: i32, r#in: chld_feed, out: chld_sink,
        err: chld_sink, stop: *const chld_stop_plan, cancel_fd: i32, reserved: u32,
    }

    struct chld_stream_result {
        total: u64, kept: u64, from_head: u64, passed: u64, data: *mut c_char,
        truncated: i32, held: i32, error: i32, stopped: i32, pass_error: i32,
        reserved: [u32; 5],
    }

    struct chld_capture_result {
        status: chld_status, out: chld_stream_result, err: chld_stream_result, fed: u64,
        feed_error: i32, timed_out: i32, cancelled: i32, step: i32, signal: i32, pid: i32,
        elapsed_ns: u64, usage: chld_resources, reserved: [u64; 4],
    }

    struct chld_event {
        kind: u32, last: i32, id: chld_id, user: *mut c_void, index: usize,
        status: chld_status, capture: *const chld_capture_result,
        pipeline: *const chld_pipeline_result, reserved: [u64; 4],
    }

    struct chld_stage {
        argv: *const *const c_char, options: *const chld_spawn_options, flags: u32, pid: i32,
        id: chld_id, status: chld_status, usage: chld_resources, reserved: [u64; 4],
    }

    struct chld_pipeline_result {
        capture: chld_capture_result, pipefail: chld_status, stages: *const chld_stage,
        count: usize, failed: i32, reserved: [u32; 5],
    }
}

constants! {
    CHLD_STATE_RUNNING: i32 = 0;
    CHLD_STATE_EXITED: i32 = 1;
    CHLD_STATE_KILLED: i32 = 2;
    CHLD_STATE_DUMPED: i32 = 3;
    CHLD_STATE_STOPPED: i32 = 5;
    CHLD_STATE_CONTINUED: i32 = 6;
    CHLD_STATE_LOST: i32 = 15;
    CHLD_STDIO_INHERIT: u32 = 0;
    CHLD_STDIO_NULL: u32 = 1;
    CHLD_STDIO_PIPE: u32 = 2;
    CHLD_STDIO_FD: u32 = 3;
    CHLD_STDIO_PATH: u32 = 4;
    CHLD_STDIO_STDOUT: u32 = 5;
    CHLD_STDIO_CLOSED: u32 = 6;
    CHLD_STDIO_PTY: u32 = 7;
    CHLD_STDIO_STDERR: u32 = 8;
    CHLD_GROUP_NEW: u32 = 1;
    CHLD_GROUP_JOIN: u32 = 2;
    CHLD_SEARCH_PARENT: u32 = 0;
    CHLD_SEARCH_CHILD: u32 = 1;
    CHLD_SEARCH_NONE: u32 = 2;
    CHLD_SPAWN_SESSION: u64 = 1;
    CHLD_SPAWN_TERMINAL: u64 = 2;
    CHLD_SPAWN_FOREGROUND: u64 = 4;
    CHLD_SPAWN_INHERIT_FDS: u64 = 8;
    CHLD_SPAWN_SHELL: u64 = 32;
    CHLD_SPAWN_CGROUP: u64 = 128;
    CHLD_SPAWN_GROUPS: u64 = 256;
    CHLD_SPAWN_GID: u64 = 512;
    CHLD_SPAWN_UID: u64 = 1024;
    CHLD_SPAWN_UMASK: u64 = 2048;
    CHLD_SPAWN_NO_NEW_PRIVS: u64 = 4096;
    CHLD_SPAWN_DETACHED: u64 = 8192;
    CHLD_SPAWN_SUBREAPER: u64 = 16384;
    CHLD_SPAWN_CGROUP_OWN: u64 = 32768;
    CHLD_SPAWN_KILL_ON_CLOSE: u64 = 65536;
    CHLD_SPAWN_PTY_NO_ECHO: u64 = 131072;
    CHLD_SPAWN_PRIVATE: u64 = 262144;
    CHLD_SPAWN_KILL_ON_DEATH: u64 = 524288;
    CHLD_SIGNALS_INHERIT: u32 = 1;
    CHLD_SIGNALS_IGNORING: u32 = 2;
    CHLD_MASK_INHERIT: u32 = 1;
    CHLD_MASK_BLOCKED: u32 = 2;
    CHLD_TARGET_CHILD: u32 = 0;
    CHLD_TARGET_GROUP: u32 = 1;
    CHLD_TARGET_TREE: u32 = 2;
    CHLD_STOP_SWEEP: u32 = 1;
    CHLD_FEED_NONE: u32 = 0;
    CHLD_FEED_BUFFER: u32 = 1;
    CHLD_SINK_NONE: u32 = 0;
    CHLD_SINK_HEAD: u32 = 1;
    CHLD_SINK_TAIL: u32 = 2;
    CHLD_SINK_HEAD_TAIL: u32 = 3;
    CHLD_SINK_GROW: u32 = 4;
    CHLD_SINK_FD: u32 = 6;
    CHLD_SINK_LINES: u32 = 7;
    CHLD_SINK_TEE: u32 = 1;
    CHLD_CAPTURE_EOF: u32 = 1;
    CHLD_CAPTURE_CANCEL: u32 = 2;
    CHLD_EVENT_EXITED: u32 = 1;
    CHLD_EVENT_STOPPED: u32 = 2;
    CHLD_EVENT_CONTINUED: u32 = 3;
    CHLD_EVENT_CAPTURED: u32 = 4;
    CHLD_EVENT_WOKEN: u32 = 5;
    CHLD_EVENT_SURVIVED: u32 = 6;
    CHLD_WATCH_STOPPED: u32 = 1;
    CHLD_WATCH_CONTINUED: u32 = 2;
    CHLD_STDIN: i32 = 0;
    CHLD_STDOUT: i32 = 1;
    CHLD_STDERR: i32 = 2;
    CHLD_STEP_ARGUMENTS: i32 = 1;
    CHLD_STEP_OPTIONS: i32 = 2;
    CHLD_STEP_ENVIRONMENT: i32 = 3;
    CHLD_STEP_OPEN: i32 = 6;
    CHLD_STEP_CHDIR: i32 = 24;
    CHLD_STEP_CAPTURE: i32 = 29;
    CHLD_ENGINE_PIDFD: i32 = 1;
}

unsafe extern "C" {
    // Pointers lead on from these structs: the caller answers for them.
    pub fn chld_spawn(
        ret: Option<&mut chld_id>,
        argv: *const *const c_char,
        options: *const chld_spawn_options,
        reterr: &mut chld_error,
    ) -> c_int;
    pub fn chld_run(
        argv: *const *const c_char,
        options: *const chld_spawn_options,
        capture: *const chld_capture_options,
        ret: &mut chld_capture_result,
        reterr: &mut chld_error,
    ) -> c_int;
    pub fn chld_capture(
        id: chld_id,
        options: *const chld_capture_options,
        ret: &mut chld_capture_result,
    ) -> c_int;
    pub fn chld_stop(id: chld_id, plan: *const chld_stop_plan, ret: &mut chld_status) -> c_int;
    pub fn chld_set_stop(
        set: chld_set,
        id: chld_id,
        after_ms: c_int,
        plan: *const chld_stop_plan,
    ) -> c_int;
    pub fn chld_set_run(
        set: chld_set,
        argv: *const *const c_char,
        options: *const chld_spawn_options,
        capture: *const chld_capture_options,
        ret: &mut chld_id,
        reterr: &mut chld_error,
    ) -> c_int;
    pub fn chld_pipeline(stages: *mut chld_stage, count: usize, reterr: &mut chld_error) -> c_int;
    pub fn chld_run_pipeline(
        stages: *mut chld_stage,
        count: usize,
        capture: *const chld_capture_options,
        ret: &mut chld_pipeline_result,
        reterr: &mut chld_error,
    ) -> c_int;
    pub fn chld_set_run_pipeline(
        set: chld_set,
        stages: *mut chld_stage,
        count: usize,
        capture: *const chld_capture_options,
        ret: &mut chld_id,
        reterr: &mut chld_error,
    ) -> c_int;
    pub fn chld_buffer_free(data: *mut c_char) -> c_int;
    pub fn chld_signal_number(name: *const c_char) -> c_int;
    // `buffer` must have `size` bytes.
    pub fn chld_status_text(status: &chld_status, buffer: *mut c_char, size: usize) -> c_int;
    pub fn chld_error_text(error: &chld_error, buffer: *mut c_char, size: usize) -> c_int;

    // These return constant strings.
    pub safe fn chld_step_name(step: c_int) -> *const c_char;
    pub safe fn chld_signal_name(signal: c_int) -> *const c_char;
    pub safe fn chld_version() -> *const c_char;

    pub safe fn chld_adopt(ret: &mut chld_id, pid: c_int) -> c_int;
    pub safe fn chld_release(id: chld_id, ret: &mut c_int) -> c_int;
    pub safe fn chld_wait(id: chld_id, timeout_ms: c_int, ret: &mut chld_status) -> c_int;
    pub safe fn chld_wait_change(
        id: chld_id,
        changes: u32,
        timeout_ms: c_int,
        ret: &mut chld_status,
    ) -> c_int;
    pub safe fn chld_kill(id: chld_id, signal: c_int) -> c_int;
    pub safe fn chld_kill_group(id: chld_id, signal: c_int) -> c_int;
    pub safe fn chld_kill_tree(id: chld_id, signal: c_int, survivors: &mut u32) -> c_int;
    pub safe fn chld_usage(id: chld_id, ret: &mut chld_resources) -> c_int;
    pub safe fn chld_user(id: chld_id, ret: &mut *mut c_void) -> c_int;
    pub safe fn chld_pid(id: chld_id) -> c_int;
    pub safe fn chld_exit_fd(id: chld_id) -> c_int;
    pub safe fn chld_stdin_fd(id: chld_id) -> c_int;
    pub safe fn chld_stdout_fd(id: chld_id) -> c_int;
    pub safe fn chld_stderr_fd(id: chld_id) -> c_int;
    pub safe fn chld_take_fd(id: chld_id, which: c_int) -> c_int;
    pub safe fn chld_close_fd(id: chld_id, which: c_int) -> c_int;
    pub safe fn chld_pty_resize(id: chld_id, rows: u16, columns: u16) -> c_int;
    pub safe fn chld_close(id: chld_id) -> c_int;
    pub safe fn chld_set_open(flags: u32, ret: &mut chld_set) -> c_int;
    pub safe fn chld_set_add(set: chld_set, id: chld_id, watch: u32) -> c_int;
    pub safe fn chld_set_remove(set: chld_set, id: chld_id) -> c_int;
    pub safe fn chld_set_count(set: chld_set) -> c_int;
    pub safe fn chld_set_fd(set: chld_set) -> c_int;
    pub safe fn chld_set_wake(set: chld_set) -> c_int;
    pub safe fn chld_set_next(set: chld_set, ret: &mut chld_event) -> c_int;
    pub safe fn chld_set_wait(set: chld_set, timeout_ms: c_int, ret: &mut chld_event) -> c_int;
    pub safe fn chld_set_close(set: chld_set) -> c_int;
    pub safe fn chld_status_shell_code(status: &chld_status) -> c_int;
    pub safe fn chld_status_raise(status: &chld_status) -> c_int;
    pub safe fn chld_engine() -> c_int;
    pub safe fn chld_reap() -> c_int;
    pub safe fn chld_supports(flags: u64) -> c_int;
    pub safe fn chld_subreaper(on: c_int) -> c_int;
}
