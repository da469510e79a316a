//! Rust's std::process. It has no loop, and no wait with a limit: a thread that
//! waits and a channel with a timeout is what its users write.

#![no_main]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io::Read;
use std::os::unix::{ffi::OsStrExt, process::ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

#[repr(C)]
pub struct Task {
    pid: i32,
    code: c_int,
    ends: [c_int; 3],
    /// A `Waiting`, boxed.
    waiting: *mut Waiting,
}

enum Waiting {
    Child(Child),
    Thread(Receiver<ExitStatus>),
}

#[repr(C)]
pub struct Capture {
    argv: *const *const c_char,
    size: usize,
    buffer: *mut u8,
    fd: c_int,
    got: usize,
    code: c_int,
}

type Absent = Option<unsafe extern "C" fn()>;

#[repr(C)]
pub struct Contender {
    task_size: usize,
    setup: Absent,
    spawn: unsafe extern "C" fn(*mut Task, *const *const c_char, c_int),
    wait: unsafe extern "C" fn(*mut Task),
    wait_for: unsafe extern "C" fn(*mut Task, c_int) -> c_int,
    pid: Absent,
    open: Absent,
    start: Absent,
    next: *const c_void,
    close: Absent,
    threads: c_int,
    into: unsafe extern "C" fn(*mut Capture),
    growing: unsafe extern "C" fn(*mut Capture),
    pieces: Absent,
    splice: Absent,
    stop: Absent,
    run_all: unsafe extern "C" fn(*mut Capture, usize, usize),
    pipeline: Absent,
}

unsafe impl Sync for Contender {}
unsafe impl Send for Capture {}

fn code_of(status: ExitStatus) -> c_int {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

unsafe fn command(argv: *const *const c_char) -> Command {
    let strings = (0..).map(|i| unsafe { *argv.add(i) }).take_while(|string| !string.is_null());
    let mut strings =
        strings.map(|string| OsStr::from_bytes(unsafe { CStr::from_ptr(string) }.to_bytes()));
    let mut command = Command::new(strings.next().unwrap());
    command.args(strings);
    command
}

unsafe extern "C" fn spawn(task: *mut Task, argv: *const *const c_char, pipes: c_int) {
    let mut command = unsafe { command(argv) };
    if pipes != 0 {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let child = command.spawn().unwrap();
    let task = unsafe { &mut *task };
    task.pid = child.id() as i32;
    task.waiting = Box::into_raw(Box::new(Waiting::Child(child)));
}

unsafe extern "C" fn wait(task: *mut Task) {
    let task = unsafe { &mut *task };
    let waiting = *unsafe { Box::from_raw(task.waiting) };
    task.code = code_of(match waiting {
        Waiting::Child(mut child) => child.wait().unwrap(),
        Waiting::Thread(receiver) => receiver.recv().unwrap(),
    });
}

unsafe extern "C" fn wait_for(task: *mut Task, ms: c_int) -> c_int {
    let task = unsafe { &mut *task };
    let receiver = match *unsafe { Box::from_raw(task.waiting) } {
        Waiting::Thread(receiver) => receiver,
        Waiting::Child(mut child) => {
            let (sender, receiver) = channel();
            std::thread::spawn(move || sender.send(child.wait().unwrap()));
            receiver
        }
    };
    match receiver.recv_timeout(Duration::from_millis(ms as u64)) {
        Ok(status) => {
            task.code = code_of(status);
            1
        }
        Err(RecvTimeoutError::Timeout) => {
            task.waiting = Box::into_raw(Box::new(Waiting::Thread(receiver)));
            0
        }
        Err(error) => panic!("{error}"),
    }
}

unsafe extern "C" fn growing(capture: *mut Capture) {
    let capture = unsafe { &mut *capture };
    let mut command = unsafe { command(capture.argv) };
    let output = command.stdin(Stdio::inherit()).stderr(Stdio::inherit()).output().unwrap();
    capture.got = output.stdout.len();
    capture.code = code_of(output.status);
}

unsafe extern "C" fn into(capture: *mut Capture) {
    let capture = unsafe { &mut *capture };
    let mut child = unsafe { command(capture.argv) }.stdout(Stdio::piped()).spawn().unwrap();
    let buffer = unsafe { std::slice::from_raw_parts_mut(capture.buffer, capture.size) };
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(buffer).unwrap();
    capture.got = buffer.len() + stdout.read(&mut [0]).unwrap();
    capture.code = code_of(child.wait().unwrap());
}

/// A thread for each that runs at a time, as its users write it.
unsafe extern "C" fn run_all(captures: *mut Capture, count: usize, at_once: usize) {
    let captures = unsafe { std::slice::from_raw_parts_mut(captures, count) };
    let rest = Mutex::new(captures.iter_mut());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(capture) = { rest.lock().unwrap().next() } {
                    unsafe { growing(capture) };
                }
            });
        }
    });
}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static contender: Contender = Contender {
    task_size: size_of::<Task>(),
    setup: None,
    spawn,
    wait,
    wait_for,
    pid: None,
    open: None,
    start: None,
    next: std::ptr::null(),
    close: None,
    threads: 0,
    into,
    growing,
    pieces: None,
    splice: None,
    stop: None,
    run_all,
    pipeline: None,
};
