//! What is in a directory. By the kernel's own call: libc's allocates. For the
//! child's half, too: see `raw`.

use super::raw::{self, DirectoryBuffer};
use super::{Result, cstr};
use core::ffi::CStr;

/// An entry of a directory.
pub struct Entry<'a> {
    pub name: &'a CStr,
    /// As far as the file system reports it.
    pub is_directory: bool,
}

impl Entry<'_> {
    /// The number that the whole name is, if it is one.
    pub fn number(&self) -> Option<i32> {
        let digits = self.name.to_bytes();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| {
            digits.iter().fold(0i32, |number, digit| {
                number.wrapping_mul(10).wrapping_add(digit.wrapping_sub(b'0') as i32)
            })
        })
    }
}

/// Visits the entries of an open directory, "." and ".." included, until `visit`
/// fails. Generic, so that the child's half calls no function through a pointer.
pub fn each(directory: i32, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
    let mut buffer = DirectoryBuffer([0; 1024]);
    loop {
        let size = super::retry(|| raw::read_directory(directory, &mut buffer))?;
        if size == 0 {
            return Ok(());
        }
        let mut entries = buffer.0.get(..size).unwrap_or_default();
        while let Some((entry, rest)) = split(entries) {
            visit(entry)?;
            entries = rest;
        }
    }
}

/// The first entry in a block of getdents64, and what comes after it: inode and
/// offset, 8 bytes each, the entry's length, 2, its type, 1, the name with its NUL.
fn split(entries: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let length: [u8; 2] = entries.get(16..18)?.try_into().ok()?;
    let length = u16::from_ne_bytes(length) as usize;
    let (kind, name) = (entries.get(18)?, cstr::until_nul(entries.get(19..length)?)?);
    Some((Entry { name, is_directory: *kind == libc::DT_DIR }, entries.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fd;

    #[test]
    fn the_kernels_blocks_are_taken_apart() {
        let directory = fd::open(c"/proc/self", libc::O_RDONLY, 0).expect("a /proc");
        let (mut directories, mut files) = (0, 0);
        each(directory.number(), |entry| {
            directories += (entry.is_directory && entry.name == c"task") as i32;
            files += (!entry.is_directory && entry.name == c"stat") as i32;
            Ok(())
        })
        .expect("can be read");
        assert_eq!((directories, files), (1, 1));
    }

    #[test]
    fn only_whole_numbers_count() {
        let number = |name| Entry { name, is_directory: false }.number();
        assert_eq!((number(c"407"), number(c"7a"), number(c"a7"), number(c"")), (Some(407), None, None, None));
    }
}
