//! Bytes to text: gzip, a byte order mark, UTF-16. Names in Latin-1 are decoded where they are
//! read, so that numbers pass unchecked.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::rc::Rc;

/// What the sniffing sees of a log.
const HEAD: u64 = 1 << 16;

/// How a text ended; known when all of it is read.
#[derive(Clone, Default)]
pub(super) struct End(Rc<Cell<(u8, bool)>>);

impl End {
    /// Whether the last line lacks its newline, as that of a file that is being written.
    pub(super) fn is_open(&self) -> bool {
        self.0.get().0 != b'\n'
    }

    /// Whether a gzip stream broke off.
    pub(super) fn is_cut(&self) -> bool {
        self.0.get().1
    }
}

/// A log as UTF-8 (or Latin-1, which nothing marks), read as it is needed.
pub(super) struct Text<'a> {
    /// The first 64 KiB.
    pub head: Vec<u8>,
    /// Whether that is all.
    pub whole: bool,
    rest: Box<dyn BufRead + 'a>,
    pub end: End,
}

impl<'a> Text<'a> {
    pub(super) fn open(input: impl Read + 'a) -> io::Result<Self> {
        let (start, input) = start(input, 2)?;
        let end = End::default();
        let plain: Box<dyn Read + 'a> = match start[..] {
            [0x1f, 0x8b] => {
                Box::new(Watched { input: MultiGzDecoder::new(input), end: end.clone() })
            }
            _ => Box::new(input),
        };
        let (start, plain) = self::start(plain, 4)?;
        // A byte order mark goes before this guess.
        let wide: Option<&'static Encoding> = match start[..] {
            [low, 0, _, 0] if low != 0 => Some(UTF_16LE),
            [0, low, 0, _] if low != 0 => Some(UTF_16BE),
            _ => None,
        };
        let mut decoder = DecodeReaderBytesBuilder::new();
        decoder.encoding(wide).bom_override(true).strip_bom(true).utf8_passthru(true);
        let text = Watched { input: decoder.build(plain), end: end.clone() };
        let mut rest = BufReader::with_capacity(1 << 17, text);
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head)?;
        let whole = (head.len() as u64) < HEAD;
        Ok(Text { head, whole, rest: Box::new(rest), end })
    }

    /// The text from its start.
    pub(super) fn into_read(self) -> Chain<Cursor<Vec<u8>>, Box<dyn BufRead + 'a>> {
        Cursor::new(self.head).chain(self.rest)
    }
}

/// The first bytes, and the whole.
fn start<R: Read>(mut input: R, most: u64) -> io::Result<(Vec<u8>, impl Read + use<R>)> {
    let mut start = Vec::new();
    input.by_ref().take(most).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(input)))
}

/// Notes the last byte; takes a gzip stream that breaks off for its end.
struct Watched<R> {
    input: R,
    end: End,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        let (last, cut) = self.end.0.get();
        match read {
            Ok(read) => {
                let last = buffer[..read].last().copied().unwrap_or(last);
                self.end.0.set((last, cut));
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.end.0.set((last, true));
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

/// Text as UTF-8, or else as Latin-1.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes)
        .map_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0, Cow::Borrowed)
}

/// Characters of a text in a message.
const NAME: usize = 60;

/// Text for a message: in quotes, cut where it does not fit on a line.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(NAME).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Longest line; what is longer is no log.
const LINE: u64 = 1 << 24;

/// Calls `each` with the number and the text of each line, ended by `\n`, `\r\n` or `\r` (progress
/// bars), until it fails.
pub(super) fn each_line(
    mut input: impl BufRead,
    mut each: impl FnMut(u64, &[u8], bool) -> Result<(), String>,
) -> Result<(), String> {
    let mut buffer = Vec::new();
    for at in 1.. {
        buffer.clear();
        let read = input.by_ref().take(LINE).read_until(b'\n', &mut buffer);
        if read.map_err(|e| e.to_string())? == 0 {
            break;
        }
        let ended = buffer.last() == Some(&b'\n');
        if !ended && buffer.len() as u64 >= LINE {
            return Err(format!(
                "line {at} is longer than 16 MiB: no log of losses has such lines"
            ));
        }
        while let Some(b'\n' | b'\r') = buffer.last() {
            buffer.pop();
        }
        let mut parts = buffer.split(|&b| b == b'\r').peekable();
        while let Some(part) = parts.next() {
            each(at, part, ended || parts.peek().is_some())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(bytes: &[u8]) -> (String, End) {
        let text = Text::open(bytes).expect("it opens");
        let (end, mut out) = (text.end.clone(), Vec::new());
        text.into_read().read_to_end(&mut out).expect("it reads");
        (decode(&out).into_owned(), end)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(text).expect("memory");
        writer.finish().expect("memory")
    }

    #[test]
    fn every_encoding_is_the_same_text() {
        let wide = |mark: bool, bytes: fn(u16) -> [u8; 2]| {
            let mark = if mark { "\u{feff}" } else { "" };
            format!("{mark}loss\n2.5\n").encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
        };
        let (little, big) = (u16::to_le_bytes, u16::to_be_bytes);
        let plain = b"loss\n2.5\n".to_vec();
        let marked = [b"\xef\xbb\xbf".to_vec(), plain.clone()].concat();
        for bytes in [
            wide(true, little),
            wide(true, big),
            wide(false, little),
            wide(false, big),
            gzip(&wide(true, little)),
            gzip(&plain),
            gzip(&marked),
            marked,
            plain,
        ] {
            let (text, end) = all(&bytes);
            assert_eq!(text, "loss\n2.5\n", "{bytes:?}");
            assert!(!end.is_open() && !end.is_cut());
        }
    }

    #[test]
    fn a_name_in_latin_1_and_an_open_end() {
        let (text, end) = all(b"verl\xfcst\n2.5");
        assert_eq!(text, "verl\u{fc}st\n2.5");
        assert!(end.is_open());
    }

    #[test]
    fn a_gzip_file_that_is_being_written() {
        let text: String = (0..20_000).map(|i| format!("{}\n", i * 7919 % 10_007)).collect();
        let whole = gzip(text.as_bytes());
        let (read, end) = all(&whole[..whole.len() / 2]);
        assert!(end.is_cut(), "{} of {}", read.len(), text.len());
        assert!(text.starts_with(&read) && read.len() > 1000, "{}", read.len());
    }

    #[test]
    fn lines_end_in_three_ways() {
        let mut lines = Vec::new();
        let say = |at, line: &[u8], ended| {
            lines.push((at, decode(line).into_owned(), ended));
            Ok(())
        };
        each_line(&b"a\r\nb\rc\nd"[..], say).expect("short lines");
        let texts: Vec<_> = lines.iter().map(|(at, l, e)| (*at, l.as_str(), *e)).collect();
        assert_eq!(texts, [(1, "a", true), (2, "b", true), (2, "c", true), (3, "d", false)]);
    }
}
