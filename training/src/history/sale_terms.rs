//! What a report says of the terms of sale: how many lines had a discount, and through which channels they came.

use super::History;
use super::report::shown;
use models::events::{Event, EventKind};
use models::ids::Ix;
use serde::Serialize;
use std::cmp::Reverse;

/// How many channels the table for people names.
const NAMED: usize = 5;

/// Lines of which something was taken off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Discounts {
    /// Purchases, returns among them, with a discount that rounds to one per cent of the list price or more.
    pub lines: u64,
    /// Their share of all purchases.
    pub share: f64,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelLines {
    /// Its name.
    pub channel: String,
    /// Events through it, of any kind.
    pub lines: u64,
    /// Their share of all events.
    pub share: f64,
}

/// `None` where nothing was taken off any line.
pub(super) fn discounts(events: &[Event]) -> Option<Discounts> {
    let bought = || events.iter().filter(|event| event.kind == EventKind::Purchase);
    let lines = bought().filter(|event| event.discount_percent > 0).count() as u64;
    (lines > 0).then(|| Discounts { lines, share: lines as f64 / bought().count() as f64 })
}

/// The known channels, those with the most events first.
pub(super) fn channels(history: &History) -> Vec<ChannelLines> {
    let events = history.log.events();
    let mut of_channel = vec![0u64; history.channels.len()];
    for event in events {
        of_channel[event.channel.position()] += 1;
    }
    let known = history.channels.iter().zip(&of_channel).skip(1);
    let mut channels: Vec<ChannelLines> = known
        .map(|((_, id), &lines)| ChannelLines {
            channel: id.into(),
            lines,
            share: lines as f64 / events.len() as f64,
        })
        .collect();
    channels.sort_by_key(|channel| Reverse(channel.lines));
    channels
}

/// Lines of the table for people: a name and a share each.
pub(super) fn table(discounts: Option<&Discounts>, channels: &[ChannelLines]) -> Vec<(String, f64)> {
    let mut table: Vec<(String, f64)> =
        discounts.map(|discounts| ("lines with a discount".into(), discounts.share)).into_iter().collect();
    let (named, others) = channels.split_at(channels.len().min(NAMED));
    table.extend(named.iter().map(|line| (format!("channel: {}", shown(&line.channel)), line.share)));
    if !others.is_empty() {
        let share = others.iter().map(|line| line.share).sum();
        table.push((format!("  {} other channels", others.len()), share));
    }
    let known: f64 = channels.iter().map(|line| line.share).sum();
    // What rounding leaves of a history whose channels are all known is nothing.
    if !channels.is_empty() && known < 1.0 - 1e-9 {
        table.push(("  channel not known".into(), 1.0 - known));
    }
    table
}
