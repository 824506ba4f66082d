//! Why a customer is in a stage, as facts and in words.

use super::language::{Language, Words};
use serde::Serialize;

/// The facts behind a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StageReason {
    /// The relationship was ended.
    Closed,
    /// Nothing was ordered so far.
    NoOrderYet,
    /// They complained, or sent much back.
    Complaint {
        /// Days since.
        days_ago: f32,
    },
    /// They stay away for longer than usual.
    Silence {
        /// Days since the last order.
        days: f32,
        /// What is usual, where it is known.
        rhythm: Option<Rhythm>,
    },
    /// They came lately.
    FirstOrders {
        /// Days since the first order.
        days_since_first: f32,
        /// Orders since then.
        orders: u32,
    },
    /// They order as usual.
    InRhythm {
        /// Days since the last order.
        days_since_last: f32,
        /// What is usual, where it is known.
        rhythm: Option<Rhythm>,
    },
}

/// How often orders are usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Rhythm {
    /// The customer's own, from two orders on.
    Own {
        /// Days between orders.
        gap_days: f32,
    },
    /// That of customers at large: one order has no rhythm.
    Others {
        /// Days between orders.
        gap_days: f32,
    },
}

impl StageReason {
    /// The reason for an adviser to read, such as "no order for 74 days; usually one every 21 days".
    pub fn words(&self, language: Language) -> String {
        let say = |en, fr| Words::new(en, fr).of(language);
        match *self {
            Self::Closed => say("relationship closed", "relation clôturée").into(),
            Self::NoOrderYet => say("no order yet", "aucune commande à ce jour").into(),
            Self::Complaint { days_ago } => {
                let what = say("complaint or many returns", "réclamation ou retours nombreux");
                format!("{what} {}", language.ago(whole(days_ago)))
            }
            Self::Silence { days, rhythm } => {
                let what = say("no order for", "aucune commande depuis");
                with_rhythm(format!("{what} {}", language.days(whole(days))), rhythm, language)
            }
            Self::FirstOrders { days_since_first, orders } => {
                let what = say("first order", "première commande");
                let (ago, orders) = (language.ago(whole(days_since_first)), language.orders(orders));
                format!("{what} {ago}, {orders} {}", say("so far", "à ce jour"))
            }
            Self::InRhythm { days_since_last, rhythm } => {
                let what = say("last order", "dernière commande");
                with_rhythm(format!("{what} {}", language.ago(whole(days_since_last))), rhythm, language)
            }
        }
    }
}

/// Days that are over: a day counts once it has passed.
fn whole(days: f32) -> u32 {
    days as u32
}

fn with_rhythm(what: String, rhythm: Option<Rhythm>, language: Language) -> String {
    let (gap_days, daily, spaced) = match rhythm {
        None => return what,
        Some(Rhythm::Own { gap_days }) => (
            gap_days,
            Words::new("usually one a day", "d’habitude, une par jour"),
            Words::new("usually one every", "d’habitude, une tous les"),
        ),
        Some(Rhythm::Others { gap_days }) => (
            gap_days,
            Words::new("others order every day", "les autres commandent chaque jour"),
            Words::new("others order every", "les autres commandent tous les"),
        ),
    };
    let mark = Words::new(";", "\u{a0};").of(language);
    match gap_days.round() as u32 {
        0 | 1 => format!("{what}{mark} {}", daily.of(language)),
        gap => format!("{what}{mark} {} {}", spaced.of(language), language.days(gap)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_well_in_both_languages() {
        let own = |gap_days| Some(Rhythm::Own { gap_days });
        let cases = [
            (
                StageReason::Silence { days: 74.9, rhythm: own(21.3) },
                "no order for 74 days; usually one every 21 days",
                "aucune commande depuis 74 jours\u{a0}; d’habitude, une tous les 21 jours",
            ),
            (
                StageReason::Silence { days: 40.0, rhythm: Some(Rhythm::Others { gap_days: 12.0 }) },
                "no order for 40 days; others order every 12 days",
                "aucune commande depuis 40 jours\u{a0}; les autres commandent tous les 12 jours",
            ),
            (
                StageReason::InRhythm { days_since_last: 0.5, rhythm: own(0.8) },
                "last order today; usually one a day",
                "dernière commande aujourd’hui\u{a0}; d’habitude, une par jour",
            ),
            (
                StageReason::FirstOrders { days_since_first: 1.0, orders: 1 },
                "first order 1 day ago, 1 order so far",
                "première commande il y a 1 jour, 1 commande à ce jour",
            ),
            (
                StageReason::Complaint { days_ago: 12.0 },
                "complaint or many returns 12 days ago",
                "réclamation ou retours nombreux il y a 12 jours",
            ),
        ];
        for (reason, en, fr) in cases {
            assert_eq!((reason.words(Language::En).as_str(), reason.words(Language::Fr).as_str()), (en, fr));
        }
    }
}
