//! Times as they are written, to milliseconds since 1970. Formats are stated, and refused when they contradict.

use super::error::HistoryError;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use std::fmt::Write;

/// Reads times in the stated formats, in their order.
#[derive(Debug)]
pub(super) struct TimestampParser {
    formats: Vec<Format>,
    offset: FixedOffset,
}

#[derive(Debug)]
enum Format {
    Rfc3339,
    EpochSeconds,
    EpochMillis,
    Pattern(Pattern),
}

/// A strptime pattern.
#[derive(Debug)]
struct Pattern {
    text: String,
    /// What the pattern determines.
    scope: Scope,
    /// The pattern as parts of fixed width, if it has no others: ten times as fast as the general way.
    parts: Option<Vec<Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Instant,
    LocalTime,
    LocalDay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Literal(u8),
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl TimestampParser {
    /// Understands the formats and refuses those that could disagree about one text.
    pub(super) fn new(formats: &[String], utc_offset: &str) -> Result<Self, HistoryError> {
        let offset = utc_offset.parse::<FixedOffset>().map_err(|_| {
            HistoryError::config("utc_offset", &utc_offset, "be an offset such as +00:00 or -05:30")
        })?;
        if formats.is_empty() {
            return Err(HistoryError::config("timestamp_formats", &"empty", "name at least one format"));
        }
        let formats = formats.iter().map(|text| Format::new(text)).collect::<Result<Vec<_>, _>>()?;
        let parser = Self { formats, offset };
        parser.refuse_ambiguity()?;
        Ok(parser)
    }

    /// Milliseconds since 1970 in UTC; `None` when no format fits.
    pub(super) fn millis(&self, text: &str) -> Option<i64> {
        let text = text.trim_ascii();
        self.formats.iter().find_map(|format| format.millis(text, self.offset))
    }

    /// The same for a time on a clock of the stated offset.
    pub(super) fn local_to_utc(&self, local_millis: i64) -> i64 {
        local_millis.saturating_sub(self.offset_millis())
    }

    /// The calendar day of a moment at the stated offset, counted from 1970-01-01.
    pub(super) fn local_day(&self, utc_millis: i64) -> i64 {
        utc_millis.saturating_add(self.offset_millis()).div_euclid(86_400_000)
    }

    fn offset_millis(&self) -> i64 {
        i64::from(self.offset.local_minus_utc()) * 1000
    }

    /// Writes a few moments in each format and reads them back in all others: whoever reads another moment is
    /// ambiguous with the writer (day and month swapped, seconds taken for milliseconds).
    fn refuse_ambiguity(&self) -> Result<(), HistoryError> {
        for probe in probes(self.offset) {
            for (position, writer) in self.formats.iter().enumerate() {
                let Some(text) = writer.write(&probe) else { continue };
                let meant = writer.millis(&text, self.offset);
                for reader in self.formats[..position].iter().chain(&self.formats[position + 1..]) {
                    let read = reader.millis(&text, self.offset);
                    if read.is_some() && read != meant {
                        let value = format!("`{}` together with `{}`", writer.name(), reader.name());
                        let expected =
                            format!("mean one moment by `{text}`: keep the one that the files use");
                        return Err(HistoryError::config("timestamp_formats", &value, expected));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Moments whose day can be taken for a month, and one whose day cannot.
fn probes(offset: FixedOffset) -> Vec<DateTime<FixedOffset>> {
    [(2001, 2, 3), (2010, 11, 12), (2023, 12, 25)]
        .into_iter()
        .filter_map(|(year, month, day)| {
            let day = NaiveDate::from_ymd_opt(year, month, day)?;
            day.and_hms_opt(4, 5, 6)?.and_local_timezone(offset).single()
        })
        .collect()
}

impl Format {
    fn new(text: &str) -> Result<Self, HistoryError> {
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            "epoch_seconds" => Ok(Self::EpochSeconds),
            "epoch_millis" => Ok(Self::EpochMillis),
            pattern => Pattern::new(pattern).map(Self::Pattern).ok_or_else(|| {
                let expected = "be rfc3339, epoch_seconds, epoch_millis, or a strptime pattern of a whole date \
                                such as %Y-%m-%d %H:%M:%S";
                HistoryError::config("timestamp_formats", &format!("`{pattern}`"), expected)
            }),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Rfc3339 => "rfc3339",
            Self::EpochSeconds => "epoch_seconds",
            Self::EpochMillis => "epoch_millis",
            Self::Pattern(pattern) => &pattern.text,
        }
    }

    fn millis(&self, text: &str, offset: FixedOffset) -> Option<i64> {
        match self {
            Self::Rfc3339 => rfc3339_millis(text),
            Self::EpochSeconds => epoch_millis(text, 1000),
            Self::EpochMillis => epoch_millis(text, 1),
            Self::Pattern(pattern) => pattern.millis(text, offset),
        }
    }

    fn write(&self, moment: &DateTime<FixedOffset>) -> Option<String> {
        match self {
            Self::Rfc3339 => Some(moment.to_rfc3339()),
            Self::EpochSeconds => Some(moment.timestamp().to_string()),
            Self::EpochMillis => Some(moment.timestamp_millis().to_string()),
            Self::Pattern(pattern) => written(moment, &pattern.text),
        }
    }
}

/// `None` where the pattern asks for something that cannot be written.
fn written(moment: &DateTime<FixedOffset>, pattern: &str) -> Option<String> {
    let mut text = String::new();
    write!(text, "{}", moment.format(pattern)).ok()?;
    Some(text)
}

impl Pattern {
    fn new(text: &str) -> Option<Self> {
        if StrftimeItems::new(text).any(|item| matches!(item, Item::Error)) {
            return None;
        }
        let probe = *probes(FixedOffset::east_opt(3600)?).first()?;
        let written = written(&probe, text)?;
        let local = probe.naive_local();
        // What a written probe gives back says what the pattern determines.
        let scope = if DateTime::parse_from_str(&written, text).is_ok_and(|read| read == probe) {
            Scope::Instant
        } else if NaiveDateTime::parse_from_str(&written, text).is_ok_and(|read| read.date() == local.date())
        {
            Scope::LocalTime
        } else if NaiveDate::parse_from_str(&written, text).is_ok_and(|read| read == local.date()) {
            Scope::LocalDay
        } else {
            return None;
        };
        let parts = if scope == Scope::Instant { None } else { fixed_parts(text) };
        Some(Self { text: text.into(), scope, parts })
    }

    fn millis(&self, text: &str, offset: FixedOffset) -> Option<i64> {
        let fast = self.parts.as_deref().and_then(|parts| fixed_width_seconds(parts, text.as_bytes()));
        let local = match fast {
            Some(seconds) => seconds * 1000,
            None => match self.scope {
                Scope::Instant => {
                    return Some(DateTime::parse_from_str(text, &self.text).ok()?.timestamp_millis());
                }
                Scope::LocalTime => {
                    NaiveDateTime::parse_from_str(text, &self.text).ok()?.and_utc().timestamp_millis()
                }
                Scope::LocalDay => NaiveDate::parse_from_str(text, &self.text)
                    .ok()?
                    .and_time(NaiveTime::MIN)
                    .and_utc()
                    .timestamp_millis(),
            },
        };
        Some(local - i64::from(offset.local_minus_utc()) * 1000)
    }
}

fn rfc3339_millis(text: &str) -> Option<i64> {
    use Part::{Day, Hour, Literal, Minute, Month, Second, Year};
    const SHAPE: [Part; 11] = [
        Year,
        Literal(b'-'),
        Month,
        Literal(b'-'),
        Day,
        Literal(b'T'),
        Hour,
        Literal(b':'),
        Minute,
        Literal(b':'),
        Second,
    ];
    if let Some(local) = text.strip_suffix('Z')
        && let Some(seconds) = fixed_width_seconds(&SHAPE, local.as_bytes())
    {
        return Some(seconds * 1000);
    }
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}

/// Whole numbers exactly, and fractions of a second.
fn epoch_millis(text: &str, millis_per_unit: i64) -> Option<i64> {
    if let Ok(units) = text.parse::<i64>() {
        return units.checked_mul(millis_per_unit);
    }
    let units: f64 = text.parse().ok()?;
    let millis = (units * millis_per_unit as f64).floor();
    // Beyond 2^53 a number no longer names a single millisecond.
    (millis.abs() < 9e15).then_some(millis as i64)
}

fn fixed_parts(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        parts.push(match byte {
            b'%' => match bytes.next()? {
                b'Y' => Part::Year,
                b'm' => Part::Month,
                b'd' => Part::Day,
                b'H' => Part::Hour,
                b'M' => Part::Minute,
                b'S' => Part::Second,
                _ => return None,
            },
            literal if literal.is_ascii() => Part::Literal(literal),
            _ => return None,
        });
    }
    let dated = [Part::Year, Part::Month, Part::Day].iter().all(|part| parts.contains(part));
    dated.then_some(parts)
}

/// Seconds since 1970 of a text that fits the parts digit by digit; `None` leaves it to the general way.
fn fixed_width_seconds(parts: &[Part], text: &[u8]) -> Option<i64> {
    let (mut year, mut month, mut day, mut seconds) = (0, 0, 0, 0);
    let mut rest = text;
    for part in parts {
        let width = match part {
            Part::Literal(_) => 1,
            Part::Year => 4,
            _ => 2,
        };
        let (field, after) = rest.split_at_checked(width)?;
        rest = after;
        if let Part::Literal(literal) = part {
            if field != [*literal] {
                return None;
            }
            continue;
        }
        let number = digits(field)?;
        match part {
            Part::Year => year = number,
            Part::Month => month = number,
            Part::Day => day = number,
            Part::Hour if number < 24 => seconds += number * 3600,
            Part::Minute if number < 60 => seconds += number * 60,
            Part::Second if number < 60 => seconds += number,
            _ => return None,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    Some(days_from_civil(year, month, day)? * 86_400 + seconds)
}

fn digits(field: &[u8]) -> Option<i64> {
    field
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days since 1970-01-01 in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years start in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(year.div_euclid(400) * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parser(formats: &[&str], offset: &str) -> Result<TimestampParser, HistoryError> {
        TimestampParser::new(&formats.iter().map(ToString::to_string).collect::<Vec<_>>(), offset)
    }

    #[test]
    fn each_format_reads_its_times_and_nothing_else() {
        let cases = [
            ("rfc3339", "2017-01-01T11:53:26Z", Some(1_483_271_606_000)),
            ("rfc3339", "2017-01-01T13:53:26.250+02:00", Some(1_483_271_606_250)),
            ("rfc3339", "2017-01-01 11:53:26", None),
            ("rfc3339", "2017-02-29T00:00:00Z", None),
            ("%Y-%m-%d", "2016-02-29", Some(1_456_704_000_000)),
            ("%Y-%m-%d", "2016-02-30", None),
            ("%Y-%m-%d", "2016-02-29 10:00", None),
            ("%d/%m/%Y %H:%M", "1/12/2010 8:26", Some(1_291_191_960_000)),
            ("%d/%m/%Y %H:%M", "01/12/2010 08:26", Some(1_291_191_960_000)),
            ("%Y%m%d%H%M%S", "20101201082600", Some(1_291_191_960_000)),
            ("%b %d, %Y %I:%M %p", "Dec 01, 2010 08:26 AM", Some(1_291_191_960_000)),
            ("%Y-%m-%d %H:%M:%S%z", "2010-12-01 09:26:00+0100", Some(1_291_191_960_000)),
            ("epoch_seconds", " 1291191960 ", Some(1_291_191_960_000)),
            ("epoch_seconds", "1291191960.5", Some(1_291_191_960_500)),
            ("epoch_millis", "1291191960000", Some(1_291_191_960_000)),
            ("epoch_seconds", "NaN", None),
            ("epoch_seconds", "1e300", None),
            ("epoch_seconds", "9223372036854775807", None),
        ];
        for (format, text, expected) in cases {
            assert_eq!(parser(&[format], "+00:00").unwrap().millis(text), expected, "{text} as {format}");
        }
    }

    #[test]
    fn times_without_an_offset_are_read_at_the_stated_one() {
        let paris = parser(&["%Y-%m-%d %H:%M:%S", "rfc3339"], "+01:00").unwrap();
        assert_eq!(paris.millis("2010-12-01 09:26:00"), Some(1_291_191_960_000));
        assert_eq!(paris.millis("2010-12-01T08:26:00Z"), Some(1_291_191_960_000));
        assert_eq!(paris.local_day(1_291_159_800_000), 14_944, "half past midnight in Paris is the next day");
    }

    #[test]
    fn formats_that_could_read_one_text_as_two_moments_are_refused_together() {
        let ambiguous = [
            vec!["%d/%m/%Y", "%m/%d/%Y"],
            vec!["epoch_seconds", "epoch_millis"],
            vec!["%Y%m%d", "epoch_seconds"],
            vec!["%y-%m-%d %H:%M", "%d-%m-%y %H:%M"],
        ];
        for formats in ambiguous {
            assert!(parser(&formats, "+00:00").is_err(), "{formats:?}");
        }
        for format in ["%H:%M", "%Q", "sometime", "", "%m/%d"] {
            assert!(parser(&[format], "+00:00").is_err(), "`{format}` determines no date");
        }
        assert!(parser(&["rfc3339", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%d/%m/%Y"], "+05:30").is_ok());
        assert!(parser(&["rfc3339"], "Paris").is_err());
    }

    proptest! {
        #[test]
        fn the_fast_way_agrees_with_chrono(year in 0i32..10_000, month in 0u32..14, day in 0u32..33, hour in 0u32..26, minute in 0u32..62) {
            let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}");
            let slow = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").ok().map(|t| t.and_utc().timestamp());
            let parts = fixed_parts("%Y-%m-%d %H:%M").unwrap();
            prop_assert_eq!(fixed_width_seconds(&parts, text.as_bytes()), slow, "{}", text);
        }
    }
}
