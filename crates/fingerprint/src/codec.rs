//! Numbers and lists as bytes: little-endian base-128 in the shortest form, so that every value has one encoding.

/// Why bytes are no descriptor, query or bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends too early.
    #[error("the input ends within {what}: it was cut, fetch it again")]
    Truncated {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes after the end.
    #[error("{count} bytes follow the end")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A version that this program does not know.
    #[error("version {found} of the format is unknown, this program reads {known}: update it")]
    Version {
        /// The version found.
        found: u8,
        /// The version that this program reads.
        known: u8,
    },
    /// Not what was asked for at all.
    #[error("this is no {expected}: it starts with {found:02x?}")]
    Magic {
        /// What was asked for.
        expected: &'static str,
        /// The first bytes.
        found: [u8; 2],
    },
    /// A kind that does not exist.
    #[error("kind {0} does not exist")]
    Kind(u8),
    /// Larger than allowed.
    #[error("{what} is {found}, at most {max} is allowed")]
    TooLarge {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// A second encoding of a value that has a canonical one.
    #[error("{what} is not in its canonical form")]
    NotCanonical {
        /// Which part.
        what: &'static str,
    },
}

/// Writes what [`Reader`] reads.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(magic: [u8; 2], version: u8) -> Self {
        Self(vec![magic[0], magic[1], version])
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the top bit says that more follow.
    #[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a canonical encoding; never allocates more than the input's own length warrants.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Checks the first bytes.
    pub(crate) fn new(
        bytes: &'a [u8],
        magic: [u8; 2],
        version: u8,
        expected: &'static str,
    ) -> Result<Self, DecodeError> {
        let mut reader = Self(bytes);
        let found = [reader.byte(expected)?, reader.byte(expected)?];
        if found != magic {
            return Err(DecodeError::Magic { expected, found });
        }
        match reader.byte(expected)? {
            found if found == version => Ok(reader),
            found => Err(DecodeError::Version { found, known: version }),
        }
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        let (&first, rest) = self.0.split_first().ok_or(DecodeError::Truncated { what })?;
        self.0 = rest;
        Ok(first)
    }

    pub(crate) fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated { what })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let taken = self.bytes(N, what)?;
        taken.try_into().map_err(|_| DecodeError::Truncated { what })
    }

    /// A number of at most `max`.
    pub(crate) fn number(&mut self, max: u64, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::NotCanonical { what });
                }
                return if value <= max {
                    Ok(value)
                } else {
                    Err(DecodeError::TooLarge {
                        what,
                        found: value,
                        max,
                    })
                };
            }
        }
        Err(DecodeError::TooLarge {
            what,
            found: value,
            max,
        })
    }

    /// A number of 32 bits of at most `max`.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by a 32-bit limit")]
    pub(crate) fn number32(&mut self, max: u32, what: &'static str) -> Result<u32, DecodeError> {
        self.number(u64::from(max), what).map(|value| value as u32)
    }

    /// The length of a list whose items take at least `item_bytes` each: never more than the input can hold.
    pub(crate) fn length(&mut self, max: usize, item_bytes: usize, what: &'static str) -> Result<usize, DecodeError> {
        let length = self.number(max as u64, what)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length.saturating_mul(item_bytes) > self.0.len() {
            return Err(DecodeError::Truncated { what });
        }
        Ok(length)
    }

    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing { count: self.0.len() })
        }
    }
}
