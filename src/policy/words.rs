//! What people are told, in English and in French.

use super::document::{
    CapSettings, ConsentRuleSettings, CoolOffSettings, HoursSettings, Per, RuleSettings, Same, Trigger,
    Weekday,
};
use models::segments::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The same said in each language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

impl Words {
    /// In one language.
    pub fn of(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Fr => &self.fr,
        }
    }
}

/// A step of a decision; offers go through them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// May the customer have it at all?
    Eligibility,
    /// Does it make sense here and now?
    Applicability,
    /// Is it right for the customer?
    Suitability,
    /// Have they agreed to be addressed?
    Consent,
    /// Have they been addressed enough?
    Pressure,
    /// What comes first?
    Arbitration,
    /// Not too much of the same.
    Diversity,
    /// Learning.
    Exploration,
}

impl Stage {
    /// Its word in documents and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Eligibility => "eligibility",
            Self::Applicability => "applicability",
            Self::Suitability => "suitability",
            Self::Consent => "consent",
            Self::Pressure => "pressure",
            Self::Arbitration => "arbitration",
            Self::Diversity => "diversity",
            Self::Exploration => "exploration",
        }
    }

    /// Its name, for people.
    pub fn words(self) -> Words {
        let (en, fr) = match self {
            Self::Eligibility => ("eligibility", "éligibilité"),
            Self::Applicability => ("applicability", "applicabilité"),
            Self::Suitability => ("suitability", "adéquation"),
            Self::Consent => ("consent", "consentement"),
            Self::Pressure => ("contact pressure", "pression commerciale"),
            Self::Arbitration => ("arbitration", "arbitrage"),
            Self::Diversity => ("diversity", "diversité"),
            Self::Exploration => ("exploration", "exploration"),
        };
        Words { en: en.into(), fr: fr.into() }
    }
}

/// "the rule “age” does not hold".
pub(super) fn of_rule(rule: &RuleSettings) -> Words {
    rule.text.clone().unwrap_or_else(|| Words {
        en: format!("the rule “{}” does not hold", rule.name),
        fr: format!("la règle « {} » n’est pas remplie", rule.name),
    })
}

/// "no consent to marketing (phone)".
pub(super) fn of_consent(rule: &ConsentRuleSettings) -> Words {
    rule.text.clone().unwrap_or_else(|| {
        let channels = channels_in_brackets(&rule.channels);
        let (en, fr) = if rule.proof_required { (" with proof", " avec preuve") } else { ("", "") };
        Words {
            en: format!("no consent{en} to {}{channels}", rule.purpose),
            fr: format!("pas de consentement{fr} : {}{channels}", rule.purpose),
        }
    })
}

/// "4 calls in 30 days are reached".
pub(super) fn of_cap(cap: &CapSettings) -> Words {
    cap.text.clone().unwrap_or_else(|| {
        let (count, days) = (cap.at_most, cap.within_days);
        let (en, fr) = contacts(&cap.channels, count);
        let (same_en, same_fr) = match cap.same {
            Same::Any => ("", ""),
            Same::Channel => (" on this channel", " sur ce canal"),
            Same::Offer => (" with this offer", " pour cette offre"),
            Same::Group => (" with this group of offers", " pour ce groupe d’offres"),
            Same::ContactPoint => (" at this contact point", " à ce point de contact"),
        };
        let (per_en, per_fr) = match cap.per {
            Per::Customer => ("", ""),
            Per::Household => (" in the household", " dans le foyer"),
        };
        let are = if count == 1 { "is" } else { "are" };
        let (days_en, days_fr) = in_days(days);
        Words {
            en: format!("{count} {en}{same_en}{per_en} in {days_en} {are} reached"),
            fr: format!("{count} {fr}{same_fr}{per_fr} en {days_fr} : plafond atteint"),
        }
    })
}

/// "calls only Monday, Tuesday, 10:00–13:00 and 14:00–20:00, not on public holidays".
pub(super) fn of_hours(hours: &HoursSettings) -> Words {
    hours.text.clone().unwrap_or_else(|| {
        let (en, fr) = contacts(&hours.channels, 2);
        let (days_en, days_fr) = days(&hours.days);
        let windows = |and: &str| {
            let windows: Vec<_> = hours.between.iter().map(|(from, to)| format!("{from}–{to}")).collect();
            windows.join(and)
        };
        let (holidays_en, holidays_fr) =
            if hours.on_holidays { ("", "") } else { (", not on public holidays", ", hors jours fériés") };
        Words {
            en: format!("{en} only {days_en}, {}{holidays_en}", windows(" and ")),
            fr: format!("{fr} seulement {days_fr}, {}{holidays_fr}", windows(" et ")),
        }
    })
}

/// "60 days of silence after a refusal".
pub(super) fn of_cool_off(cool_off: &CoolOffSettings) -> Words {
    cool_off.text.clone().unwrap_or_else(|| {
        let named = |trigger: &Trigger| match trigger {
            Trigger::Refused => ("a refusal", "un refus"),
            Trigger::Complaint => ("a complaint", "une réclamation"),
            Trigger::Accepted => ("an acceptance", "une acceptation"),
            Trigger::Later => ("“not now”", "« plus tard »"),
            Trigger::Delivered => ("a contact", "un contact"),
        };
        let (en, fr): (Vec<_>, Vec<_>) = cool_off.after.iter().map(named).unzip();
        let (days_en, days_fr) = in_days(cool_off.days);
        let channels = channels_in_brackets(&cool_off.channels);
        Words {
            en: format!("{days_en} of silence after {}{channels}", en.join(" or ")),
            fr: format!("{days_fr} de silence après {}{channels}", fr.join(" ou ")),
        }
    })
}

/// What contacts on these channels are called.
fn contacts(channels: &[String], count: u32) -> (&'static str, &'static str) {
    match (channels, count) {
        ([channel], 1) if channel == "phone" => ("call", "appel"),
        ([channel], _) if channel == "phone" => ("calls", "appels"),
        ([channel], 1) if channel == "email" => ("e-mail", "e-mail"),
        ([channel], _) if channel == "email" => ("e-mails", "e-mails"),
        ([channel], _) if channel == "sms" => ("SMS", "SMS"),
        (_, 1) => ("contact", "contact"),
        _ => ("contacts", "contacts"),
    }
}

fn channels_in_brackets(channels: &[String]) -> String {
    if channels.is_empty() { String::new() } else { format!(" ({})", channels.join(", ")) }
}

fn in_days(days: u32) -> (String, String) {
    if days == 1 {
        ("1 day".into(), "1 jour".into())
    } else {
        (format!("{days} days"), format!("{days} jours"))
    }
}

/// "Monday to Friday", or one after the other.
fn days(days: &[Weekday]) -> (String, String) {
    let mut days = days.to_vec();
    days.sort_unstable();
    let named = |day: &Weekday| match day {
        Weekday::Monday => ("Monday", "lundi"),
        Weekday::Tuesday => ("Tuesday", "mardi"),
        Weekday::Wednesday => ("Wednesday", "mercredi"),
        Weekday::Thursday => ("Thursday", "jeudi"),
        Weekday::Friday => ("Friday", "vendredi"),
        Weekday::Saturday => ("Saturday", "samedi"),
        Weekday::Sunday => ("Sunday", "dimanche"),
    };
    let run = |(first, last): (&Weekday, &Weekday)| (*last as usize - *first as usize) + 1 == days.len();
    match (days.first(), days.last()) {
        (Some(first), Some(last)) if days.len() > 2 && run((first, last)) => {
            let ((en, fr), (last_en, last_fr)) = (named(first), named(last));
            (format!("{en} to {last_en}"), format!("du {fr} au {last_fr}"))
        }
        _ => {
            let (en, fr): (Vec<_>, Vec<_>) = days.iter().map(named).unzip();
            (en.join(", "), fr.join(", "))
        }
    }
}
