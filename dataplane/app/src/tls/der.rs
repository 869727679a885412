//! Walking over DER: tag, length, value.
//!
//! Used by [`super::x509`]. Reads within the bytes it is given and nothing else; lengths of indefinite form and tags of more than one byte, which no
//! certificate has, are errors.
//!
//! Source: ITU-T X.690, sections 8.1 and 10.1.

/// Why an element can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerError {
    /// Tag or length are cut off, or of a form that DER does not have.
    Head,
    /// The value is longer than what there is.
    Short,
    /// Not the element that must stand here.
    Tag,
}

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub const OBJECT: u8 = 0x06;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERAL_TIME: u8 = 0x18;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// SET.
pub const SET: u8 = 0x31;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag, with class and form.
    pub tag: u8,
    /// Its value.
    pub value: &'a [u8],
}

/// Elements one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    /// The elements in `bytes`.
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether there are no more.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next one.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next one.
    ///
    /// # Errors
    /// [`DerError::Head`] and [`DerError::Short`].
    pub fn element(&mut self) -> Result<Element<'a>, DerError> {
        let (&tag, rest) = self.rest.split_first().ok_or(DerError::Head)?;
        let (&first, mut rest) = rest.split_first().ok_or(DerError::Head)?;
        if tag & 0x1f == 0x1f {
            return Err(DerError::Head);
        }
        let mut length = usize::from(first & 0x7f);
        if first & 0x80 != 0 {
            if !(1..=4).contains(&length) {
                return Err(DerError::Head);
            }
            let (bytes, behind) = rest.split_at_checked(length).ok_or(DerError::Head)?;
            length = bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            rest = behind;
        }
        let (value, rest) = rest.split_at_checked(length).ok_or(DerError::Short)?;
        self.rest = rest;
        Ok(Element { tag, value })
    }

    /// The value of the next one, which must have this tag.
    ///
    /// # Errors
    /// Any [`DerError`].
    pub fn expect(&mut self, tag: u8) -> Result<&'a [u8], DerError> {
        let mut ahead = *self;
        let element = ahead.element()?;
        if element.tag != tag {
            return Err(DerError::Tag);
        }
        *self = ahead;
        Ok(element.value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Der, DerError, Element, INTEGER, SEQUENCE};

    #[test]
    fn short_and_long_lengths_are_read() {
        let mut bytes = vec![SEQUENCE, 0x82, 1, 0];
        bytes.extend([7; 256]);
        bytes.extend([INTEGER, 1, 5]);
        let mut der = Der::of(&bytes);
        assert_eq!(der.peek(), Some(SEQUENCE));
        assert_eq!(der.element(), Ok(Element { tag: SEQUENCE, value: &[7; 256] }));
        assert_eq!(der.expect(SEQUENCE), Err(DerError::Tag));
        assert_eq!(der.expect(INTEGER), Ok(&[5][..]));
        assert!(der.is_empty());
        assert_eq!(der.element(), Err(DerError::Head));
    }

    #[test]
    fn what_is_cut_off_or_not_der_is_told() {
        for (bytes, error) in [
            (&[0x30][..], DerError::Head),
            (&[0x30, 0x84, 0xff, 0xff, 0xff], DerError::Head),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xfa], DerError::Short),
            (&[0x30, 0x80, 0, 0], DerError::Head),
            (&[0x30, 0x85, 0, 0, 0, 0, 0], DerError::Head),
            (&[0x1f, 0x81, 0], DerError::Head),
            (&[0x30, 2, 1], DerError::Short),
        ] {
            assert_eq!(Der::of(bytes).element(), Err(error), "{bytes:02x?}");
        }
    }
}
