//! Text between tags: how much of it is passed on, and what it is.

/// How much of a text is passed on where text is wanted, in bytes.
pub(super) const TEXT_MAX: usize = 4 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands between two tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Before {
    #[default]
    Nothing,
    /// Blanks, comments, the document's type.
    Blank,
    Text,
}

/// The beginning of each text, where it is wanted, up to the end of a character.
pub(super) struct Wanted {
    /// How much of the current text may still be passed on; `None`: no text is wanted.
    left: Option<usize>,
    /// How many bytes the last character that was passed on still lacks.
    owed: usize,
}

impl Wanted {
    pub(super) fn new(wanted: bool) -> Wanted {
        Wanted { left: wanted.then_some(TEXT_MAX), owed: 0 }
    }

    /// The next text begins.
    pub(super) fn renew(&mut self) {
        *self = Wanted::new(self.left.is_some());
    }

    /// What of the next piece of a text is wanted.
    pub(super) fn of<'r>(&mut self, run: &'r [u8]) -> &'r [u8] {
        let Some(left) = &mut self.left else { return &[] };
        let mut kept = run.len().min(*left);
        *left -= kept;
        if kept == 0 {
            // The end of the last character, where a chunk ended inside it.
            kept = run.len().min(self.owed);
            self.owed -= kept;
        } else {
            self.owed = lacking(&run[..kept], self.owed);
            let more = (run.len() - kept).min(self.owed);
            (kept, self.owed) = (kept + more, self.owed - more);
        }
        &run[..kept]
    }
}

/// How many brackets, up to two, stand at the end of `rest`, before which so many stand.
pub(super) fn trailing(rest: &[u8], brackets: usize) -> usize {
    match rest {
        [.., b']', b']'] => 2,
        [b']'] => (brackets + 1).min(2),
        [.., b']'] => 1,
        [] => brackets,
        _ => 0,
    }
}

/// How many bytes the last character of `text` lacks; the one before it lacked `owed`.
fn lacking(text: &[u8], owed: usize) -> usize {
    let inside = text.iter().rev().take_while(|byte| **byte & 0xc0 == 0x80).take(3).count();
    let length = match text.iter().rev().nth(inside) {
        None => return owed.saturating_sub(inside),
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        Some(_) => 1,
    };
    (length - 1_usize).saturating_sub(inside)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What `text` at this place of the file is: a byte-order mark at its beginning is nothing.
pub(super) fn blank(text: &[u8], offset: u64) -> Before {
    let mut found = Before::Nothing;
    for (byte, at) in text.iter().zip(offset..) {
        if !is_blank(*byte) {
            let mark = usize::try_from(at).ok().and_then(|at| BYTE_ORDER_MARK.get(at));
            if mark == Some(byte) {
                continue;
            }
            return Before::Text;
        }
        found = Before::Blank;
    }
    found
}
