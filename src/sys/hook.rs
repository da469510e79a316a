//! Points at which a test looks in, in a build for tests: with the feature `hooks` the
//! program that links the library defines `chld_test_hook()`. Without, there is nothing.

#[derive(Clone, Copy)]
#[repr(i32)]
pub enum Point {
    /// All signals have just been blocked.
    Blocked = 1,
    /// The lock was taken.
    Locked,
    /// It was released.
    Unlocked,
    /// The thread is about to sleep.
    Sleeping,
}

#[cfg(feature = "hooks")]
pub fn at(point: Point) {
    unsafe extern "C" {
        fn chld_test_hook(point: i32);
    }
    // SAFETY: it takes a number, and the test defines it.
    unsafe { chld_test_hook(point as i32) };
}

#[cfg(not(feature = "hooks"))]
#[inline(always)]
pub fn at(_: Point) {}
