//! Text into the caller's buffer, as snprintf does it: cut at the end of the
//! buffer, always NUL-terminated, and the length it would have taken returned.
//! `core::fmt` would be 15 KB of code.

pub struct Text<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Text<'a> {
    pub fn new(buffer: &'a mut [u8]) -> Text<'a> {
        Text { buffer, length: 0 }
    }

    pub fn push(&mut self, text: &str) -> &mut Self {
        self.push_bytes(text.as_bytes())
    }

    pub fn push_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            if let Some(place) = self.buffer.get_mut(self.length) {
                *place = *byte;
            }
            self.length = self.length.wrapping_add(1);
        }
        self
    }

    /// The same with control characters as ^M: a carriage return in a script's
    /// first line would hide the rest of the message.
    pub fn push_visible(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            match byte {
                0..=0x1f | 0x7f => self.push_bytes(&[b'^', byte ^ 0x40]),
                _ => self.push_bytes(&[*byte]),
            };
        }
        self
    }

    pub fn push_number(&mut self, number: i32) -> &mut Self {
        if number < 0 {
            self.push("-");
        }
        let mut rest = number.unsigned_abs();
        let mut divisor = 1_000_000_000u32;
        while divisor > 1 && rest / divisor == 0 {
            divisor /= 10;
        }
        while divisor > 0 {
            self.push_bytes(&[b'0'.wrapping_add((rest / divisor) as u8)]);
            rest %= divisor;
            divisor /= 10;
        }
        self
    }

    /// Terminates the text and returns its whole length, without the NUL.
    pub fn finish(self) -> usize {
        let end = self.length.min(self.buffer.len().saturating_sub(1));
        if let Some(place) = self.buffer.get_mut(end) {
            *place = 0;
        }
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn written(size: usize, write: impl Fn(&mut Text)) -> (Vec<u8>, usize) {
        let mut buffer = vec![b'#'; size];
        let mut text = Text::new(&mut buffer);
        write(&mut text);
        let length = text.finish();
        (buffer, length)
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 99, 100, 12345, -1, i32::MAX, i32::MIN] {
            let (buffer, length) = written(32, |text| {
                text.push_number(number);
            });
            assert_eq!(&buffer[..length], number.to_string().as_bytes());
            assert_eq!(buffer[length], 0);
        }
    }

    #[test]
    fn a_short_buffer_is_cut_and_terminated_and_the_length_is_whole() {
        for size in 0..8 {
            let (buffer, length) = written(size, |text| {
                text.push("abc").push("de");
            });
            assert_eq!(length, 5);
            let kept = size.saturating_sub(1).min(5);
            assert_eq!(&buffer[..kept], &b"abcde"[..kept]);
            if size > 0 {
                assert_eq!(buffer[kept], 0);
            }
        }
    }
}
