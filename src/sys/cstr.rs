//! C's lists of strings, as safe values.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A NULL-terminated array of pointers to NUL-terminated strings, such as
/// `argv`. The code that makes one guarantees that all of it outlives `'a`.
#[derive(Clone, Copy)]
pub struct StrList<'a> {
    first: *const *const c_char,
    lives: PhantomData<&'a CStr>,
}

impl<'a> StrList<'a> {
    /// # Safety
    /// `first` must point to a NULL-terminated array of valid C strings, all of
    /// which stay as they are for `'a`.
    pub unsafe fn new(first: *const *const c_char) -> StrList<'a> {
        StrList { first, lives: PhantomData }
    }

    pub fn as_ptr(self) -> *const *const c_char {
        self.first
    }

    pub fn iter(self) -> impl Iterator<Item = &'a CStr> {
        let mut next = self.first;
        core::iter::from_fn(move || {
            // SAFETY: `next` starts at the array and only steps over entries
            // that were not NULL, so it is never past the terminator.
            let entry = unsafe { *next };
            if entry.is_null() {
                return None;
            }
            // SAFETY: as above, there is an entry after a non-NULL one.
            next = unsafe { next.add(1) };
            // SAFETY: a non-NULL entry is a valid C string, by `new`.
            Some(unsafe { CStr::from_ptr(entry) })
        })
    }
}

/// A list being put together from other lists' strings in memory that the
/// caller provides. The last place is kept for the terminator.
pub struct ListBuilder<'b, 'a> {
    places: &'b mut [*const c_char],
    used: usize,
    lives: PhantomData<&'a CStr>,
}

impl<'b, 'a> ListBuilder<'b, 'a> {
    pub fn new(places: &'b mut [*const c_char]) -> Self {
        ListBuilder { places, used: 0, lives: PhantomData }
    }

    /// Appends `entry`; a full list takes no more, which cannot happen to a
    /// caller that counted first.
    pub fn push(&mut self, entry: &'a CStr) {
        let room = self.places.len().saturating_sub(1);
        if self.used < room {
            if let Some(place) = self.places.get_mut(self.used) {
                *place = entry.as_ptr();
                self.used = self.used.wrapping_add(1);
            }
        }
    }

    /// Ends the list. `None` if there was not even room for the terminator.
    pub fn finish(self) -> Option<StrList<'b>>
    where
        'a: 'b,
    {
        *self.places.get_mut(self.used)? = core::ptr::null();
        // SAFETY: `used` entries are pointers from live `&CStr`s, the next is
        // NULL, and the memory is borrowed for `'b`: mutably, which
        // `ScriptArguments` makes use of.
        Some(unsafe { StrList::new(self.places.as_mut_ptr()) })
    }
}

/// Arguments for a shell that runs a script: "/bin/sh", a place for the path of
/// the script, and the script's own arguments.
pub struct ScriptArguments<'a> {
    list: StrList<'a>,
    path: &'a AtomicPtr<c_char>,
}

impl<'a> ScriptArguments<'a> {
    /// `places` must have room for one more than `argv` and its terminator.
    pub fn new(places: &'a mut [*const c_char], argv: StrList<'a>) -> Option<Self> {
        let mut list = ListBuilder::new(places);
        list.push(c"/bin/sh");
        list.push(c"");
        argv.iter().skip(1).for_each(|argument| list.push(argument));
        let list = list.finish()?;
        // SAFETY: the second of at least two entries, in memory that is
        // borrowed for `'a` and only used through this struct.
        let path = unsafe { AtomicPtr::from_ptr(list.first.add(1).cast_mut().cast()) };
        Some(ScriptArguments { list, path })
    }

    /// The arguments for the script at `path`, which must outlive their use.
    pub fn for_script<'p>(&'p self, path: &'p CStr) -> StrList<'p> {
        self.path.store(path.as_ptr().cast_mut(), Relaxed);
        self.list
    }
}

/// The environment of this process, as it is now.
pub fn environment<'a>() -> StrList<'a> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    static EMPTY: Null = Null(core::ptr::null());
    struct Null(*const c_char);
    // SAFETY: it is NULL, and nobody changes it.
    unsafe impl Sync for Null {}

    // SAFETY: libc keeps `environ` NULL (after clearenv) or a NULL-terminated
    // array of strings. A thread that calls setenv meanwhile races with every
    // reader of the environment in the process, as POSIX has it; the public
    // documentation has this rule.
    unsafe {
        let first = (&raw const environ).read_volatile();
        StrList::new(if first.is_null() { &raw const EMPTY.0 } else { first })
    }
}

/// The value of variable `name` in `list`.
pub fn lookup<'a>(list: StrList<'a>, name: &[u8]) -> Option<&'a CStr> {
    list.iter().find_map(|entry| {
        let rest = entry.to_bytes_with_nul().strip_prefix(name)?.strip_prefix(b"=")?;
        until_nul(rest)
    })
}

/// Whether `byte` is in `text`. As the next one by a plain loop: core's own search
/// is made for long texts, and a kilobyte large.
pub fn has(text: &CStr, byte: u8) -> bool {
    text.to_bytes().iter().fold(false, |found, one| found | (*one == byte))
}

/// The C string that `bytes` begin with.
pub fn until_nul(bytes: &[u8]) -> Option<&CStr> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    // SAFETY: the first NUL is the last of these bytes.
    Some(unsafe { CStr::from_bytes_with_nul_unchecked(bytes.get(..=end)?) })
}

/// "prefix" followed by a number, as a C string; cut if `buffer` is too small.
pub fn numbered<'b>(buffer: &'b mut [u8], prefix: &[u8], number: i32) -> &'b CStr {
    let mut digits = [0u8; 10];
    let (mut rest, mut count) = (number.unsigned_abs(), 0usize);
    loop {
        if let Some(digit) = digits.get_mut(count) {
            *digit = b'0'.wrapping_add((rest % 10) as u8);
        }
        count = count.wrapping_add(1);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let text = prefix.iter().chain(digits.iter().take(count).rev()).chain(&[0]);
    for (place, byte) in buffer.iter_mut().zip(text) {
        *place = *byte;
    }
    until_nul(buffer).unwrap_or_default()
}
