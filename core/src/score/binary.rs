//! The compact form for storage: flat little-endian bytes behind a version byte. Each value has exactly one form; an
//! unknown version, a truncated, overlong or impossible value is an error.
//!
//! ```text
//! cuts      version 1 | kind 1 | bins | ties | users u64 | metric
//! rfm_cuts  version 1 | kind 2 | bins | ties | users u64 | metric recency | metric frequency | metric monetary
//! metric    best | (bins - 1) x decimal | sum mantissa i128 | sum scale u8 | score_sum u64
//! decimal   mantissa as a 120-bit signed integer | scale u8; no trailing zeros; 16 bytes of 0xFF where there is none
//! ```

use rust_decimal::Decimal;

use super::{Best, Bins, Cuts, CutsConfig, RfmCuts, ScoreError, Ties, Total};

pub(super) const VERSION: u8 = 1;
const KIND_CUTS: u8 = 1;
const KIND_RFM_CUTS: u8 = 2;
const NO_DECIMAL: [u8; 16] = [0xFF; 16];

impl Cuts {
    /// The compact form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = head(KIND_CUTS, self);
        put_metric(&mut bytes, self);
        bytes
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`] for anything that [`to_bytes`](Self::to_bytes) cannot have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScoreError> {
        let mut reader = Reader(bytes);
        let read = reader.head(KIND_CUTS).and_then(|head| reader.metric(&head));
        read.and_then(|cuts| reader.end(cuts)).map_err(|reason| ScoreError::corrupt("cuts", reason))
    }
}

impl RfmCuts {
    /// The compact form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = head(KIND_RFM_CUTS, self.recency());
        for cuts in [self.recency(), self.frequency(), self.monetary()] {
            put_metric(&mut bytes, cuts);
        }
        bytes
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`] for anything that [`to_bytes`](Self::to_bytes) cannot have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScoreError> {
        Self::read_bytes(&mut Reader(bytes)).map_err(|reason| ScoreError::corrupt("rfm_cuts", reason))
    }

    fn read_bytes(reader: &mut Reader) -> Result<Self, String> {
        let head = reader.head(KIND_RFM_CUTS)?;
        let cuts = Self::from_stored(reader.metric(&head)?, reader.metric(&head)?, reader.metric(&head)?)?;
        reader.end(cuts)
    }
}

fn head(kind: u8, cuts: &Cuts) -> Vec<u8> {
    let mut bytes = vec![VERSION, kind, cuts.bins().get(), cuts.ties().code()];
    bytes.extend(cuts.users().to_le_bytes());
    bytes
}

fn put_metric(bytes: &mut Vec<u8>, cuts: &Cuts) {
    let (mantissa, scale) = cuts.sum().parts();
    bytes.push(cuts.best().code());
    for cut in cuts.cuts() {
        bytes.extend(cut.map_or(NO_DECIMAL, decimal_bytes));
    }
    bytes.extend(mantissa.to_le_bytes());
    bytes.push(scale);
    bytes.extend(cuts.score_sum().to_le_bytes());
}

struct Head {
    bins: Bins,
    ties: Ties,
    users: u64,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn end<T>(&self, value: T) -> Result<T, String> {
        if self.0.is_empty() { Ok(value) } else { Err(format!("{} bytes follow its end", self.0.len())) }
    }

    fn head(&mut self, expected: u8) -> Result<Head, String> {
        let [version, kind, bins, ties] = self.take()?;
        if version != VERSION {
            return Err(format!("unknown version {version}"));
        }
        if kind != expected {
            return Err(format!("kind {kind} is not {expected}"));
        }
        Ok(Head {
            bins: Bins::new(bins.into()).map_err(|error| error.to_string())?,
            ties: Ties::from_code(ties).ok_or_else(|| format!("unknown tie policy {ties}"))?,
            users: u64::from_le_bytes(self.take()?),
        })
    }

    fn metric(&mut self, head: &Head) -> Result<Cuts, String> {
        let [best] = self.take()?;
        let best = Best::from_code(best).ok_or_else(|| format!("unknown direction {best}"))?;
        let mut cuts = [None; Bins::MAX as usize];
        let cuts = &mut cuts[..head.bins.cut_points()];
        for cut in cuts.iter_mut() {
            *cut = self.cut()?;
        }
        let mantissa = i128::from_le_bytes(self.take()?);
        let [scale] = self.take()?;
        let sum = Total::new(mantissa, scale).filter(|sum| sum.parts() == (mantissa, scale));
        let sum = sum.ok_or("the sum is not in canonical form")?;
        let score_sum = u64::from_le_bytes(self.take()?);
        let config = CutsConfig { bins: head.bins, ties: head.ties, best };
        Cuts::from_stored(config, head.users, cuts, sum, score_sum)
    }

    fn cut(&mut self) -> Result<Option<Decimal>, String> {
        let bytes = self.take()?;
        if bytes == NO_DECIMAL {
            return Ok(None);
        }
        let canonical = decimal_from(bytes).filter(|cut| cut.normalize().scale() == cut.scale());
        canonical.map(Some).ok_or_else(|| "a cut is not in canonical form".into())
    }
}

/// A decimal as 15 bytes of signed mantissa and one of scale.
pub(crate) fn decimal_bytes(value: Decimal) -> [u8; 16] {
    let mut bytes = value.mantissa().to_le_bytes();
    bytes[15] = value.scale() as u8;
    bytes
}

/// Reads [`decimal_bytes`]; `None` for more than 96 bits or 28 decimals.
pub(crate) fn decimal_from(mut bytes: [u8; 16]) -> Option<Decimal> {
    let sign_extension = if bytes[14] & 0x80 == 0 { 0 } else { 0xFF };
    let scale = std::mem::replace(&mut bytes[15], sign_extension);
    Decimal::try_from_i128_with_scale(i128::from_le_bytes(bytes), scale.into()).ok()
}

impl Ties {
    pub(super) fn code(self) -> u8 {
        match self {
            Ties::Min => 0,
            Ties::Max => 1,
            Ties::Mid => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Ties::Min, Ties::Max, Ties::Mid].into_iter().find(|ties| ties.code() == code)
    }
}

impl Best {
    pub(super) fn code(self) -> u8 {
        match self {
            Best::High => 0,
            Best::Low => 1,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Best::High, Best::Low].into_iter().find(|best| best.code() == code)
    }
}
