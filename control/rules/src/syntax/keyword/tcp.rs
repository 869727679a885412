//! Tests of the TCP header: `flags`, `seq`, `ack`, `window`, `tcp.mss`, `tcp.wscale`.
//!
//! Called through the keyword table. Source: the public rule documentation, "TCP keywords".
use super::{Keyword, Use, alias, plain};
use crate::diagnostic::Problem;
use crate::syntax::builder::Builder;
use crate::syntax::comparison::Comparison;
use crate::syntax::rule::MatchKind;
use crate::syntax::value::{Fault, Value};

/// One test of the TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpTest {
    /// `flags`.
    Flags(TcpFlags),
    /// `seq`.
    Sequence(Comparison<u32>),
    /// `ack`.
    Acknowledgement(Comparison<u32>),
    /// `window`, the field, not scaled.
    Window(Comparison<u16>),
    /// `tcp.mss`: the option.
    Mss(Comparison<u16>),
    /// `tcp.wscale`: the option.
    WindowScale(Comparison<u8>),
}

/// How set flags compare with the ones named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagMode {
    /// Exactly these, ignored ones aside.
    Exactly,
    /// `+`: these and any others.
    AtLeast,
    /// `*`: one of these.
    AnyOf,
    /// `!`: none of these.
    NoneOf,
}

/// `flags:[mode]set[,ignored]`. Bits as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags {
    /// How they are compared.
    pub mode: FlagMode,
    /// The flags named; 0 for `flags:0`, none set.
    pub set: u8,
    /// Flags that are not looked at.
    pub ignored: u8,
}

pub(super) const KEYWORDS: &[Keyword] = &[
    plain("tcp.flags", "tcp", flags),
    alias("flags", "tcp.flags", "tcp", flags),
    plain("tcp.seq", "tcp", sequence),
    alias("seq", "tcp.seq", "tcp", sequence),
    plain("tcp.ack", "tcp", acknowledgement),
    alias("ack", "tcp.ack", "tcp", acknowledgement),
    plain("tcp.window", "tcp", window),
    alias("window", "tcp.window", "tcp", window),
    plain("tcp.mss", "tcp", mss),
    plain("tcp.wscale", "tcp", window_scale),
];

const FORM: &str = "[+|*|!]flags[,ignored] of FSRPAUEC, or 0";

fn flags(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let value = option.value(FORM)?;
    let (named, ignored) = match value.split_once(b',') {
        Some((named, ignored)) => (named, Some(ignored)),
        None => (value, None),
    };
    let (mode, letters) = match named.bytes() {
        [b'+', ..] => (FlagMode::AtLeast, named.from(1)),
        [b'*', ..] => (FlagMode::AnyOf, named.from(1)),
        [b'!', ..] => (FlagMode::NoneOf, named.from(1)),
        // The mode may follow the letters too.
        [.., b'+'] => (FlagMode::AtLeast, named.slice(0, named.len() - 1)),
        [.., b'*'] => (FlagMode::AnyOf, named.slice(0, named.len() - 1)),
        _ => (FlagMode::Exactly, named),
    };
    let set = bits(letters)?;
    let ignored = ignored.map_or(Ok(0), bits)?;
    rule.push(option, MatchKind::Tcp(TcpTest::Flags(TcpFlags { mode, set, ignored })));
    Ok(())
}

fn bits(letters: Value<'_>) -> Result<u8, Fault> {
    let letters = letters.trim();
    if letters.is_empty() {
        return Err(letters.malformed(FORM));
    }
    if letters.is("0") {
        return Ok(0);
    }
    let mut bits = 0;
    for (i, letter) in letters.bytes().iter().enumerate() {
        bits |= match letter.to_ascii_uppercase() {
            b'F' => 0x01,
            b'S' => 0x02,
            b'R' => 0x04,
            b'P' => 0x08,
            b'A' => 0x10,
            b'U' => 0x20,
            b'E' | b'2' => 0x40,
            b'C' | b'1' => 0x80,
            _ => return Err(letters.slice(i, i + 1).fault(Problem::UnknownWord { expected: FORM })),
        };
    }
    Ok(bits)
}

fn sequence(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = TcpTest::Sequence(Comparison::parse(option.value("a number")?)?);
    rule.push(option, MatchKind::Tcp(test));
    Ok(())
}

fn acknowledgement(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = TcpTest::Acknowledgement(Comparison::parse(option.value("a number")?)?);
    rule.push(option, MatchKind::Tcp(test));
    Ok(())
}

fn window(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = TcpTest::Window(Comparison::parse(option.value("[!]number")?)?);
    rule.push(option, MatchKind::Tcp(test));
    Ok(())
}

fn mss(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = TcpTest::Mss(Comparison::parse(option.value("a number, <n, >n or a-b")?)?);
    rule.push(option, MatchKind::Tcp(test));
    Ok(())
}

fn window_scale(rule: &mut Builder<'_>, option: Use<'_>) -> Result<(), Fault> {
    let test = TcpTest::WindowScale(Comparison::parse(option.value("a number, <n, >n or a-b")?)?);
    rule.push(option, MatchKind::Tcp(test));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_letters_name_the_same_flags() {
        let of = |text: &str| bits(Value::new(text.as_bytes(), 0));
        assert_eq!(of("CE"), of("12"));
        assert_eq!(of("SA"), Ok(0x12));
        assert_eq!(of("0"), Ok(0));
        assert!(of("X").is_err() && of("").is_err());
    }
}
