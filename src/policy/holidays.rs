//! Public holidays: on the same day every year, on one day, or so many days from Easter.

use chrono::{Datelike, NaiveDate, TimeDelta};

/// A set of days.
#[derive(Clone, Debug, Default)]
pub(super) struct Holidays {
    yearly: Vec<(u32, u32)>,
    once: Vec<NaiveDate>,
    from_easter: Vec<i64>,
}

impl Holidays {
    /// Adds a day as it is written; whether it was understood.
    pub(super) fn add(&mut self, text: &str) -> bool {
        if let Some(days) = text.strip_prefix("easter") {
            let days = if days.is_empty() { Some(0) } else { signed(days) };
            // Within the year, so that no Easter of another year matters.
            let days = days.filter(|days| (-80..=240).contains(days));
            self.from_easter.extend(days);
            return days.is_some();
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            && text.len() == 10
        {
            self.once.push(date);
            return true;
        }
        let day = text.split_once('-').and_then(|(month, day)| Some((two_digits(month)?, two_digits(day)?)));
        // The 29th of February is a day, though not in every year.
        let day = day.filter(|(month, day)| NaiveDate::from_ymd_opt(2024, *month, *day).is_some());
        self.yearly.extend(day);
        day.is_some()
    }

    /// Whether a day is one of them.
    pub(super) fn contains(&self, date: NaiveDate) -> bool {
        self.yearly.contains(&(date.month(), date.day()))
            || self.once.contains(&date)
            || (!self.from_easter.is_empty()
                && easter(date.year())
                    .is_some_and(|easter| self.from_easter.contains(&(date - easter).num_days())))
    }
}

/// Easter Sunday of the Gregorian calendar: the anonymous algorithm (Nature, 1876; Meeus, Astronomical Algorithms, ch. 8).
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - b / 4 - g + 15).rem_euclid(30);
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    // Days from the 22nd of March, the earliest Easter.
    NaiveDate::from_ymd_opt(year, 3, 22)?.checked_add_signed(TimeDelta::days(i64::from(h + l - 7 * m)))
}

fn signed(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-'])?;
    let days = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse::<i64>().ok()?
    } else {
        return None;
    };
    Some(if text.starts_with('-') { -days } else { days })
}

fn two_digits(text: &str) -> Option<u32> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn easter_is_when_the_church_keeps_it() {
        let days = [
            "1818-03-22",
            "1943-04-25",
            "2000-04-23",
            "2008-03-23",
            "2019-04-21",
            "2024-03-31",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
            "2049-04-18",
            "2076-04-19",
            "2285-03-22",
        ];
        for day in days {
            let day = date(day);
            assert_eq!(easter(day.year()), Some(day));
        }
    }

    #[test]
    fn holidays_are_found_on_their_days_only() {
        let mut holidays = Holidays::default();
        for text in ["05-01", "2026-06-15", "easter+1", "easter+39", "easter-2", "02-29"] {
            assert!(holidays.add(text), "{text}");
        }
        let days = [
            "2026-05-01",
            "1999-05-01",
            "2026-06-15",
            "2026-04-06",
            "2026-05-14",
            "2026-04-03",
            "2028-02-29",
        ];
        for day in days {
            assert!(holidays.contains(date(day)), "{day}");
        }
        for day in ["2026-05-02", "2027-06-15", "2026-04-05", "2027-04-06", "2026-02-28"] {
            assert!(!holidays.contains(date(day)), "{day}");
        }
        for text in [
            "",
            "13-01",
            "02-30",
            "5-1",
            "2026-13-01",
            "easter+",
            "easter+a",
            "easter+999",
            "easter1",
            "26-05-01",
        ] {
            assert!(!holidays.add(text), "{text}");
        }
    }
}
