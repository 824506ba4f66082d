//! `proffer recommend`: top-n lists for a file of customers, without a service.

use super::ConfigArguments;
use super::output::write_whole;
use crate::releases;
use anyhow::{Context, bail};
use clap::Args;
use models::ids::Ix;
use models::interactions::History;
use models::measures::Repeats;
use models::ranking::{Scored, top_n};
use models::release::{Manifest, Release};
use models::scoring::Scorer;
use rayon::prelude::*;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Customers scored together; their lists are written before the next are read.
const BATCH: usize = 1024;

/// Arguments of `proffer recommend`.
#[derive(Debug, Args)]
pub(super) struct RecommendArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where releases are; the same as --set releases.dir=…
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Which release; the latest when left out.
    #[arg(long, value_name = "ID")]
    release: Option<String>,
    /// A file with one customer id per line; - for standard input.
    #[arg(long, value_name = "FILE")]
    customers: PathBuf,
    /// Length of the lists.
    #[arg(long, default_value_t = 20)]
    n: usize,
    /// Where the lists go, one line per customer: id, tab, item ids separated by blanks; - for standard output.
    /// White space inside an id is percent-encoded.
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Leaves out what the customer has bought before.
    #[arg(long)]
    exclude_purchased: bool,
}

/// Writes the lists. A customer without history gets what people with their profile take, or what is popular.
pub(super) fn run(arguments: &RecommendArguments) -> anyhow::Result<()> {
    let config = arguments.config.load()?;
    if arguments.n == 0 || arguments.n > config.server.max_n {
        bail!("--n must be from 1 to {} (server.max_n), but is {}", config.server.max_n, arguments.n);
    }
    let directory = arguments.models.clone().unwrap_or(config.releases.dir);
    let (manifest, release) = load(&directory, arguments.release.as_deref())?;
    let customers = open(&arguments.customers)?;
    let lists = Lists { manifest: &manifest, release: &release, arguments };
    if arguments.output == Path::new("-") {
        return lists.write(customers, &mut io::stdout().lock());
    }
    write_whole(&arguments.output, |out| lists.write(customers, out))
}

fn load(directory: &Path, id: Option<&str>) -> anyhow::Result<(Manifest, Release)> {
    let latest = || -> anyhow::Result<String> {
        let listed = releases::list(directory)?.into_iter().find(|(_, manifest)| manifest.is_ok());
        Ok(listed.ok_or_else(|| releases::ReleaseError::None(directory.into()))?.0)
    };
    let id = id.map_or_else(latest, |id| Ok(id.to_owned()))?;
    let (manifest, release, _) = releases::load(directory, &id)?;
    Ok((manifest, release))
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

/// An id as one word of a line: white space, which separates, is percent-encoded.
fn one_word(id: &str) -> Cow<'_, str> {
    if !id.contains(char::is_whitespace) {
        return Cow::Borrowed(id);
    }
    let mut word = String::new();
    for character in id.chars() {
        if character.is_whitespace() {
            let mut bytes = [0; 4];
            word.extend(character.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            word.push(character);
        }
    }
    Cow::Owned(word)
}

struct Lists<'a> {
    manifest: &'a Manifest,
    release: &'a Release,
    arguments: &'a RecommendArguments,
}

impl Lists<'_> {
    fn write(&self, customers: Box<dyn BufRead>, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut lines = customers.lines().enumerate();
        loop {
            let mut ids = Vec::with_capacity(BATCH);
            for (line, id) in
                lines.by_ref().filter(|(_, id)| !matches!(id, Ok(id) if id.is_empty())).take(BATCH)
            {
                ids.push(id.with_context(|| format!("line {} of the customers cannot be read", line + 1))?);
            }
            if ids.is_empty() {
                return Ok(out.flush()?);
            }
            let lists: Vec<Vec<Scored>> = ids
                .par_iter()
                .map_init(|| vec![0.0; self.release.items.len()], |scores, id| self.list(id, scores))
                .collect();
            for (id, list) in ids.iter().zip(lists) {
                let items: Vec<Cow<'_, str>> = list
                    .iter()
                    .filter_map(|scored| self.release.items.id(scored.item))
                    .map(one_word)
                    .collect();
                writeln!(out, "{}\t{}", one_word(id), items.join(" "))?;
            }
        }
    }

    fn list(&self, customer_id: &str, scores: &mut [f32]) -> Vec<Scored> {
        let release = self.release;
        let customer = release.customers.get(customer_id);
        let interactions = customer.map_or(&[][..], |ix| release.history.row(ix));
        let profile = customer.map_or(&[][..], |ix| release.profiles.of(ix.position()));
        let history = History::new(interactions, self.manifest.data_cutoff).with_profile(profile);
        let excluded = self.arguments.exclude_purchased;
        let repeats = if excluded { Repeats::Removed } else { Repeats::Kept };
        release.taste.ranker(repeats).score(history, scores);
        let is_owned = |item| interactions.binary_search_by_key(&item, |past| past.item).is_ok();
        top_n(scores, self.arguments.n, |item| excluded && is_owned(item))
    }
}
