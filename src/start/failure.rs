//! What failed: the step, the item within it, the errno.

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
    Setgroups = 20 c"setgroups";
    Setgid = 21 c"setgid";
    Setuid = 22 c"setuid";
    Chdir = 23 c"chdir";
    NoNewPrivs = 24 c"no_new_privs";
    DeathSignal = 25 c"death_signal";
    Signals = 26 c"signals";
    Exec = 27 c"exec";
    Interpreter = 28 c"interpreter";
    Capture = 29 c"capture";
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    pub step: Step,
    /// The position of the item that the step was at, or 0.
    pub index: i32,
    pub errno: Errno,
}

impl Failure {
    pub fn new(step: Step, index: usize, errno: Errno) -> Failure {
        Failure { step, index: index as i32, errno }
    }

    /// Such as "open stdin ./missing: No such file or directory".
    pub fn write(self, item: &[u8], text: &mut Text) {
        text.push_bytes(self.step.name().to_bytes());
        match (self.step, self.index) {
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 0) => text.push(" stdin"),
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 1) => text.push(" stdout"),
            (Step::Stdio | Step::Open | Step::Pipe | Step::Pty, 2) => text.push(" stderr"),
            (Step::Map | Step::Environment, index) => text.push(" ").push_number(index),
            _ => text,
        };
        if !item.is_empty() {
            text.push(" ").push_bytes(item);
        }
        text.push(": ");
        let mut words = [0u8; 128];
        text.push_bytes(host::errno_text(self.errno, &mut words));
    }
}

/// For the many places that turn an errno into a failure of one step.
pub trait At<T> {
    fn at(self, step: Step, index: usize) -> Result<T, Failure>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step, index: usize) -> Result<T, Failure> {
        self.map_err(|errno| Failure::new(step, index, errno))
    }
}
