//! A strict reader of OpenMetrics 1.0, for as much of it as we write: families in one piece,
//! each with its type before its samples; names, labels and numbers well formed; counters that
//! end in `_total`; units that end the name; histograms whose buckets grow and agree with
//! their count; no sample twice; `# EOF` and nothing behind it.

use std::collections::{HashMap, HashSet};

/// What was read: every sample, by its text up to the value.
#[derive(Debug)]
pub(crate) struct Page(HashMap<String, f64>);

impl Page {
    /// The value of this sample.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        *self
            .0
            .get(sample)
            .unwrap_or_else(|| panic!("no sample {sample}"))
    }
}

#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    samples: usize,
}

/// Reads a page, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Page, String> {
    let body = text
        .strip_suffix("# EOF\n")
        .ok_or("does not end with # EOF")?;
    let mut samples = HashMap::new();
    let mut seen = HashSet::new();
    let mut family = Family::default();
    for line in body.lines() {
        let result = match line.strip_prefix("# ") {
            Some(head) => read_head(head, &mut family, &mut seen),
            None => read_sample(line, &mut family, &mut samples),
        };
        result.map_err(|wrong| format!("{wrong}: {line}"))?;
    }
    family.check()?;
    Ok(Page(samples))
}

fn read_head(head: &str, family: &mut Family, seen: &mut HashSet<String>) -> Result<(), String> {
    let mut words = head.splitn(3, ' ');
    let (what, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let rest = words.next().ok_or("too short")?;
    check_name(name)?;
    if what == "TYPE" {
        family.check()?;
        if !seen.insert(name.to_owned()) {
            return Err("a second family of that name".into());
        }
        if !["gauge", "counter", "histogram"].contains(&rest) {
            return Err("unknown type".into());
        }
        *family = Family {
            name: name.to_owned(),
            kind: rest.to_owned(),
            ..Family::default()
        };
        return Ok(());
    }
    if name != family.name || family.samples > 0 {
        return Err("not in its family's head".into());
    }
    match what {
        "UNIT" if name.ends_with(&format!("_{rest}")) => Ok(()),
        "UNIT" => Err("the name does not end with the unit".into()),
        "HELP" => Ok(()),
        _ => Err("unknown head".into()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let first = name.chars().next().unwrap_or('0');
    match name.chars().all(good) && !first.is_ascii_digit() {
        true => Ok(()),
        false => Err(format!("{name:?} is no name")),
    }
}

fn read_sample(
    line: &str,
    family: &mut Family,
    samples: &mut HashMap<String, f64>,
) -> Result<(), String> {
    let (sample, value) = line.rsplit_once(' ').ok_or("no value")?;
    let value: f64 = value.parse().map_err(|_| "no number")?;
    let (name, labels) = match sample.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').ok_or("labels do not end")?),
        None => (sample, ""),
    };
    let le = check_labels(labels)?;
    let suffix = name
        .strip_prefix(&family.name)
        .ok_or("not of the family above")?;
    match (family.kind.as_str(), suffix) {
        ("gauge", "") => {}
        ("counter", "_total") if value >= 0.0 => {}
        ("histogram", "_bucket") => family
            .buckets
            .push((le.ok_or("a bucket without le")?, value)),
        ("histogram", "_count") => family.count = Some(value),
        ("histogram", "_sum") => {}
        _ => return Err("not a sample of its family's type".into()),
    }
    family.samples += 1;
    match samples.insert(sample.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err("a sample twice".into()),
    }
}

/// `name="value",…`; the number behind `le`, if that is one of them. (Values of ours hold no
/// comma, quote or backslash.)
fn check_labels(labels: &str) -> Result<Option<f64>, String> {
    let mut le = None;
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').ok_or("a label without value")?;
        check_name(name)?;
        let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let inner = inner.ok_or("a label's value without quotes")?;
        if inner.contains(['"', '\\', '\n']) {
            return Err("a label's value is not escaped".into());
        }
        if name == "le" {
            let bound = inner.replace("+Inf", "inf");
            le = Some(bound.parse().map_err(|_| "le is no number")?);
        }
    }
    Ok(le)
}

impl Family {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if !name.is_empty() && self.samples == 0 {
            return Err(format!("{name} has no samples"));
        }
        if self.kind != "histogram" {
            return Ok(());
        }
        let grows = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        if !self.buckets.windows(2).all(grows) {
            return Err(format!("the buckets of {name} do not grow"));
        }
        match self.buckets.last() {
            Some((le, all)) if le.is_infinite() && Some(*all) == self.count => Ok(()),
            _ => Err(format!("the last bucket of {name} is not everything")),
        }
    }
}
