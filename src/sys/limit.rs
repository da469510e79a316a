//! Resource limits.

use core::ffi::CStr;

/// One limit for a child; laid out as the header has it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Limit {
    /// RLIMIT_*.
    pub resource: i32,
    pub reserved: u32,
    pub soft: u64,
    pub hard: u64,
}

pub fn name(resource: i32) -> &'static CStr {
    // Their types differ between libcs; their values are small everywhere.
    const fn number(resource: u32) -> i32 {
        resource as i32
    }
    macro_rules! names {
        ($($name:ident)*) => {
            $(if resource == number(libc::$name as u32) {
                const NAME: &CStr = match CStr::from_bytes_with_nul(
                    concat!(stringify!($name), "\0").as_bytes(),
                ) {
                    Ok(name) => name,
                    Err(_) => c"",
                };
                return NAME;
            })*
        };
    }
    names! {
        RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS
        RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS
    }
    #[cfg(target_os = "linux")]
    names! {
        RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME
    }
    c""
}
