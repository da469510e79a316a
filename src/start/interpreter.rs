//! The child's half: which interpreter keeps a program from running. The kernel
//! gives one errno for a program, for the interpreter in the first line of a
//! script, and for the dynamic linker that a program names.

use super::failure::{ITEM_BYTES, Item, NO_ITEM};
use crate::sys::raw;
use crate::sys::{Errno, Result, cstr};
use core::ffi::CStr;

/// The kernel reads 256 bytes of a script; before Linux 5.1 it was 128.
const FIRST_LINE: usize = 256;
/// As far as the name of the dynamic linker is from the beginning of a program,
/// unless a tool has moved it.
const BEGINNING: usize = 1024;
/// How many scripts the kernel runs one by the other.
const MOST_SCRIPTS: usize = 5;

/// The interpreter because of which the kernel returns `errno` for `program`.
#[inline(never)]
pub fn at_fault(program: &CStr, errno: Errno) -> Option<Item> {
    let mut file = [0u8; BEGINNING];
    let mut name = [0u8; FIRST_LINE];
    if raw::may_execute(program).is_err() {
        return None;
    }
    let mut size = read_beginning(program, &mut file).ok()?;
    for _ in 0..MOST_SCRIPTS {
        copy(interpreter_of(file.get(..size)?)?, &mut name);
        let interpreter = cstr::until_nul(&name)?;
        if trouble_with(interpreter) == Some(errno) {
            return Some(item(interpreter));
        }
        size = read_beginning(interpreter, &mut file).ok()?;
    }
    // Scripts that run each other in a circle.
    (errno == Errno::ELOOP).then(|| item(cstr::until_nul(&name).unwrap_or_default()))
}

fn trouble_with(interpreter: &CStr) -> Option<Errno> {
    match raw::may_execute(interpreter) {
        Err(errno) => Some(errno),
        Ok(()) => raw::is_directory(interpreter).then_some(Errno::EACCES),
    }
}

fn read_beginning(path: &CStr, file: &mut [u8]) -> Result<usize> {
    let fd = raw::open(path, libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK)?;
    let size = raw::read(fd, file);
    let _ = raw::close(fd);
    size
}

fn copy(text: &[u8], place: &mut [u8; FIRST_LINE]) {
    *place = [0; FIRST_LINE];
    for (place, byte) in place.iter_mut().zip(text).take(FIRST_LINE - 1) {
        *place = *byte;
    }
}

fn item(name: &CStr) -> Item {
    let mut item = NO_ITEM;
    for (place, byte) in item.iter_mut().zip(name.to_bytes()).take(ITEM_BYTES - 1) {
        *place = *byte;
    }
    item
}

pub fn interpreter_of(file: &[u8]) -> Option<&[u8]> {
    match file.strip_prefix(b"#!") {
        Some(line) => first_word(line.get(..FIRST_LINE - 2).unwrap_or(line)),
        None => dynamic_linker(file),
    }
}

/// As the kernel finds it in the first line of a script.
fn first_word(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | 0));
    words.find(|word| !word.is_empty())
}

/// What the entry PT_INTERP in the program header of an ELF file names.
fn dynamic_linker(file: &[u8]) -> Option<&[u8]> {
    const PT_INTERP: usize = 3;
    let is_wide = match file.strip_prefix(b"\x7fELF")?.first()? {
        1 => false,
        2 => true,
        _ => return None,
    };
    // Where the file has: the table, an entry's size, how many there are; and
    // an entry: the name's offset and size.
    let [table, size, count, offset, length] =
        if is_wide { [32, 54, 56, 8, 32] } else { [28, 42, 44, 4, 16] };
    let word = |at| number(file, at, if is_wide { 8 } else { 4 });
    let mut entry = word(table)?;
    for _ in 0..number(file, count, 2)? {
        if number(file, entry, 4)? == PT_INTERP {
            let start = word(entry.checked_add(offset)?)?;
            let end = start.checked_add(word(entry.checked_add(length)?)?)?;
            return file.get(start..end)?.split(|byte| *byte == 0).next();
        }
        entry = entry.checked_add(number(file, size, 2)?)?;
    }
    None
}

/// A number of `size` bytes at offset `at`, in the order of this machine.
fn number(file: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(size)?)?;
    let digit = |value: usize, byte: &u8| value << 8 | *byte as usize;
    Some(match cfg!(target_endian = "little") {
        true => bytes.iter().rev().fold(0, digit),
        false => bytes.iter().fold(0, digit),
    })
}
