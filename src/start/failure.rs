//! What failed: the step, the item within it, the errno, and which rule the call
//! has broken if it has broken one.

use crate::sys::{Errno, host};
use crate::status::text::Text;
use core::ffi::CStr;

macro_rules! steps {
    ($($step:ident = $number:literal $name:literal;)*) => {
        /// The steps of a start, in the order in which they are taken, and what
        /// may follow it. The numbers are public.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(i32)]
        pub enum Step { $($step = $number),* }

        impl Step {
            pub fn from_number(number: i32) -> Option<Step> {
                match number {
                    $($number => Some(Step::$step),)*
                    _ => None,
                }
            }

            pub fn name(self) -> &'static CStr {
                match self { $(Step::$step => $name),* }
            }
        }
    };
}

steps! {
    Nothing = 0 c"nothing";
    Arguments = 1 c"arguments";
    Options = 2 c"options";
    Environment = 3 c"environment";
    Memory = 4 c"memory";
    Stdio = 5 c"stdio";
    Open = 6 c"open";
    Pipe = 7 c"pipe";
    Pty = 8 c"pty";
    Cgroup = 9 c"cgroup";
    Clone = 10 c"clone";
    Descriptors = 11 c"descriptors";
    Map = 12 c"map";
    Session = 13 c"session";
    Terminal = 14 c"terminal";
    Group = 15 c"group";
    Foreground = 16 c"foreground";
    Limit = 17 c"limit";
    Nice = 18 c"nice";
    Affinity = 19 c"affinity";
    NoNewPrivs = 20 c"no_new_privs";
    Setgroups = 21 c"setgroups";
    Setgid = 22 c"setgid";
    Setuid = 23 c"setuid";
    Chdir = 24 c"chdir";
    DeathSignal = 25 c"death_signal";
    Signals = 26 c"signals";
    Exec = 27 c"exec";
    Interpreter = 28 c"interpreter";
    Capture = 29 c"capture";
}

macro_rules! reasons {
    ($($reason:ident $step:ident $errno:ident $text:literal;)*) => {
        /// A rule that the call has broken. The text of an error has this
        /// instead of the words for its errno. The numbers are the library's own.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Reason { None, $($reason),* }

        /// Its step and its errno, a byte each.
        const FAILURES: &[(u8, u8)] = &[$((Step::$step as u8, Errno::$errno.0 as u8)),*];
        /// One after the other: a table of pointers would have to be relocated
        /// in every process.
        const TEXTS: &[u8] = concat!($($text, "\0"),*).as_bytes();
    };
}

reasons! {
    ArgvNull Arguments EINVAL "argv is NULL; argv[0] must name the program";
    ArgvEmpty Arguments EINVAL "argv is empty; argv[0] must name the program";
    RetNull Arguments EINVAL "ret is NULL; only CHLD_SPAWN_DETACHED needs no handle";
    SizeZero Options EINVAL "size is 0; initialize with CHLD_SPAWN_OPTIONS_INIT";
    Size Options EINVAL "size is wrong; initialize with CHLD_SPAWN_OPTIONS_INIT";
    Newer Options E2BIG "a member of a later version is set";
    Flags Options EINVAL "flags must be CHLD_SPAWN_* bits";
    Search Options EINVAL "search must be one of CHLD_SEARCH_*";
    DetachedStream Options EINVAL "CHLD_SPAWN_DETACHED excludes pipes and pseudo-terminals";
    DetachedDeathSignal Options EINVAL "CHLD_SPAWN_DETACHED excludes death_signal";
    DetachedKill Options EINVAL "CHLD_SPAWN_DETACHED excludes CHLD_SPAWN_KILL_ON_CLOSE and CHLD_SPAWN_KILL_ON_DEATH";
    DetachedPrivate Options EINVAL "CHLD_SPAWN_DETACHED excludes CHLD_SPAWN_PRIVATE";
    DetachedRun Options EINVAL "chld_run() waits for the child; detach with chld_spawn()";
    EnvSet Environment EINVAL "an entry of env_set must be NAME=VALUE";
    EnvUnset Environment EINVAL "an entry of env_unset must be a name";
    StdioMode Stdio EINVAL "mode must be one of CHLD_STDIO_*";
    StdioPath Stdio EINVAL "CHLD_STDIO_PATH needs path, which is NULL";
    StdioStdout Stdio EINVAL "only err can have CHLD_STDIO_STDOUT";
    StdioStderr Stdio EINVAL "only out can have CHLD_STDIO_STDERR";
    StdioCircle Stdio EINVAL "out and err refer to each other";
    Fds Map EINVAL "fds is NULL, or fds_count too large";
    MapTarget Map EBADF "target is negative";
    MapTwice Map EINVAL "another entry has the same target";
    Stages Arguments EINVAL "stages is NULL, or count is 0 or too large";
    StageFlags Options EINVAL "flags and reserved of a stage must be 0";
    StageDetached Options EINVAL "a stage cannot be detached";
    StagePrivate Options EINVAL "a private stage cannot lead a group that others join";
    StageStdin Stdio EINVAL "only the first stage can have a stdin of its own";
    StageStdout Stdio EINVAL "only the last stage can have a stdout of its own";
    StageStderr Stdio EINVAL "only the last stage can have an end that is captured";
    TerminalSession Terminal EINVAL "CHLD_SPAWN_TERMINAL needs CHLD_SPAWN_SESSION";
    GroupMode Group EINVAL "group_mode must be one of CHLD_GROUP_*";
    GroupNumber Group EINVAL "CHLD_GROUP_JOIN needs a group above 1";
    GroupSession Group EINVAL "the leader of a session cannot join a group";
    Limits Limit EINVAL "limits is NULL, or limits_count too large";
    LimitReserved Limit EINVAL "reserved must be 0";
    LimitSoft Limit EINVAL "soft is above hard";
    Cpus Affinity EINVAL "cpus is NULL, or cpus_size too large";
    Groups Setgroups EINVAL "groups is NULL, or groups_count too large";
    Gid Setgid EINVAL "gid must not be -1";
    Uid Setuid EINVAL "uid must not be -1";
    DeathSignal DeathSignal EINVAL "death_signal must be 0 to 64";
    SignalsMode Signals EINVAL "signals_mode must be one of CHLD_SIGNALS_*";
    MaskMode Signals EINVAL "mask_mode must be one of CHLD_MASK_*";
    NoPrivate Clone ENOSYS "CHLD_SPAWN_PRIVATE and CHLD_SPAWN_KILL_ON_DEATH need Linux 7.1";
    NoAutokill Clone EPERM "CHLD_SPAWN_KILL_ON_DEATH needs CHLD_SPAWN_NO_NEW_PRIVS or CAP_SYS_ADMIN";
    NoInit Clone EINVAL "the new PID namespace has no init yet; start one before a detached child";
    CaptureSizeZero Capture EINVAL "size is 0; initialize with CHLD_CAPTURE_OPTIONS_INIT";
    CaptureSize Capture EINVAL "size is wrong; initialize with CHLD_CAPTURE_OPTIONS_INIT";
    CaptureNewer Capture E2BIG "a member of a later version is set";
    CaptureFlags Capture EINVAL "flags must be CHLD_CAPTURE_* bits";
    CaptureReserved Capture EINVAL "reserved must be 0";
    CaptureTimeout Capture EINVAL "timeout_ms must be -1 or more";
    CancelFd Capture EBADF "cancel_fd is not open";
    SetClosed Capture EBADF "set is not an open set";
    FeedMode Capture EINVAL "mode must be one of CHLD_FEED_*";
    FeedReserved Capture EINVAL "flags and reserved must be 0";
    FeedData Capture EINVAL "data is NULL, or size too large";
    StreamCallback Capture EINVAL "callback is NULL";
    SinkMode Capture EINVAL "mode must be one of CHLD_SINK_*";
    SinkFlags Capture EINVAL "flags must be CHLD_SINK_TEE or 0";
    SinkReserved Capture EINVAL "reserved must be 0";
    SinkTee Capture EINVAL "CHLD_SINK_FD excludes CHLD_SINK_TEE";
    SinkBuffer Capture EINVAL "buffer is NULL, but size is not 0";
    SinkSize Capture EINVAL "size is too large";
    SinkFd Capture EBADF "fd is not open";
    NoPipe Capture ENOENT "the child has no pipe for this stream; use CHLD_STDIO_PIPE";
    PlanSizeZero Capture EINVAL "size is 0; initialize with CHLD_STOP_PLAN_INIT";
    PlanSize Capture EINVAL "size is wrong; initialize with CHLD_STOP_PLAN_INIT";
    PlanNewer Capture E2BIG "a member of a later version is set";
    PlanTarget Capture EINVAL "target must be one of CHLD_TARGET_*";
    PlanFlags Capture EINVAL "flags must be CHLD_STOP_* bits";
    PlanSteps Capture EINVAL "steps is NULL, or steps_count above 16";
    PlanGroup Capture EINVAL "CHLD_TARGET_GROUP needs a child that leads a group; use CHLD_GROUP_NEW";
    StepSignal Capture EINVAL "signal must be 0 or a signal";
    StepWait Capture EINVAL "wait_ms must be -1 or more";
}

/// `None` for a number that is no reason.
fn text_of(reason: i32) -> Option<&'static [u8]> {
    let position = usize::try_from(reason).ok()?.checked_sub(1)?;
    TEXTS.split(|byte| *byte == 0).nth(position).filter(|text| !text.is_empty())
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The stage of a pipeline that failed, counted from 1; else 0.
    pub stage: i32,
    pub step: Step,
    /// The position of the item that the step was at, or 0.
    pub index: i32,
    pub errno: Errno,
    /// A `Reason`.
    pub reason: i32,
}

impl Failure {
    pub fn new(step: Step, index: usize, errno: Errno) -> Failure {
        Failure { stage: 0, step, index: index as i32, errno, reason: Reason::None as i32 }
    }

    /// The call breaks a rule.
    #[cold]
    pub fn misuse(reason: Reason, index: usize) -> Failure {
        let failure = FAILURES.get((reason as usize).wrapping_sub(1));
        let (step, errno) = failure.copied().unwrap_or_default();
        let step = Step::from_number(i32::from(step)).unwrap_or(Step::Options);
        Failure { reason: reason as i32, ..Failure::new(step, index, Errno(i32::from(errno))) }
    }

    /// The part of the options of a capture that breaks the rule; empty if it is none.
    pub fn capture_item(self) -> Item {
        const STREAMS: core::ops::RangeInclusive<i32> =
            Reason::FeedMode as i32..=Reason::NoPipe as i32;
        let mut item = NO_ITEM;
        let mut text = Text::new(&mut item);
        if STREAMS.contains(&self.reason) {
            let names = ["stdin", "stdout", "stderr"];
            text.push(names.get(self.index as usize).copied().unwrap_or_default());
        } else if self.reason >= Reason::StepSignal as i32 {
            text.push("stop.steps[").push_number(self.index).push("]");
        } else if self.reason >= Reason::PlanSizeZero as i32 {
            text.push("stop");
        }
        text.finish();
        item
    }

    /// Such as "open stdin ./missing: No such file or directory".
    pub fn write(self, item: &[u8], text: &mut Text) {
        if self.stage != 0 {
            text.push("stage ").push_number(self.stage).push(": ");
        }
        text.push_bytes(self.step.name().to_bytes());
        match (self.step, self.index) {
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 0) => text.push(" stdin"),
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 1) => text.push(" stdout"),
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 2) => text.push(" stderr"),
            (Step::Map | Step::Environment, index) => text.push(" ").push_number(index),
            _ => text,
        };
        if !item.is_empty() {
            text.push(" ").push_visible(item);
        }
        text.push(": ");
        let mut words = [0; 128];
        text.push_bytes(match text_of(self.reason) {
            Some(reason) => reason,
            None => host::errno_text(self.errno, &mut words),
        });
    }
}

/// For calls that have no place for more.
impl From<Failure> for Errno {
    fn from(failure: Failure) -> Errno {
        failure.errno
    }
}

/// How many bytes an error keeps of the name of its item, with the NUL.
pub const ITEM_BYTES: usize = 112;
/// Such a name, padded with NULs.
pub type Item = [u8; ITEM_BYTES];
pub const NO_ITEM: Item = [0; ITEM_BYTES];

/// For the many places that turn an errno into a failure of one step.
pub trait At<T> {
    fn at(self, step: Step, index: usize) -> Result<T, Failure>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step, index: usize) -> Result<T, Failure> {
        self.map_err(|errno| Failure::new(step, index, errno))
    }
}

/// For a value that is missing because the call breaks a rule.
pub trait OrMisuse<T> {
    fn or_misuse(self, reason: Reason) -> Result<T, Failure>;
}

impl<T> OrMisuse<T> for Option<T> {
    fn or_misuse(self, reason: Reason) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::misuse(reason, 0))
    }
}
