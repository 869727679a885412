//! Reputations of addresses: the file of categories and the files of scores, for `iprep`.
//!
//! Called by the service and the checker. Source: the public documentation, "IP Reputation": lines of `number,short name,description` and of
//! `address or network,category number,score`.
use super::each_line;
use crate::compile::KnownReputations;
use crate::diagnostic::{Diagnostic, Problem};
use crate::syntax::value::{Fault, Value};
use sluice_detect::prefix::{Network, Reputations};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Most categories.
const MOST_CATEGORY: i64 = 60;

/// One line of the file of categories.
pub type Category = (u8, Box<str>);
/// One score: network, category, score from 1 to 127; 0 is none.
pub type Score = (Network, u8, u8);

/// Reads `number,short name,description` lines.
pub fn categories(file: &Path, bytes: &[u8]) -> (Vec<Category>, Vec<Diagnostic>) {
    each_line(file, bytes, |text| {
        const FORM: &str = "number,short name,description";
        let parts = text.list();
        let [number, name, ..] = parts.as_slice() else { return Err(text.malformed(FORM)) };
        if !name.is_name() {
            return Err(name.malformed("a short name of letters, digits, `_`, `.` and `-`"));
        }
        Ok((small(*number, 1, MOST_CATEGORY)?, name.lossy()))
    })
}

/// Reads `address,category,score` lines.
pub fn scores(file: &Path, bytes: &[u8]) -> (Vec<Score>, Vec<Diagnostic>) {
    each_line(file, bytes, |text| {
        let parts = text.list();
        let [address, category, score] = parts.as_slice() else {
            return Err(text.malformed("address or network,category number,score from 0 to 127"));
        };
        Ok((network(*address)?, small(*category, 1, MOST_CATEGORY)?, small(*score, 0, 127)?))
    })
}

fn small(text: Value<'_>, least: i64, most: i64) -> Result<u8, Fault> {
    text.number(least, most).map(|number| u8::try_from(number).unwrap_or(0))
}

fn network(text: Value<'_>) -> Result<Network, Fault> {
    let (address, length) = match text.split_once(b'/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let parsed: IpAddr = address.text().parse().map_err(|_| address.fault(Problem::NotAnAddress))?;
    let whole = if parsed.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(length) => u8::try_from(length.number(0, whole)?).unwrap_or(0),
        None => u8::try_from(whole).unwrap_or(0),
    };
    Network::new(parsed, length).ok_or_else(|| text.fault(Problem::NotANetmask))
}

/// The tables that rules ask. A score of 0 is none, and takes away what a shorter prefix says.
pub fn build(categories: Vec<Category>, scores: Vec<Score>) -> KnownReputations {
    let categories: BTreeMap<Box<str>, u8> = categories.into_iter().map(|(number, name)| (name, number)).collect();
    KnownReputations { categories, table: Arc::new(Reputations::new(scores)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_wrong_ones_are_told_with_their_place() {
        let (found, wrong) = categories(Path::new("c"), b"# comment\n1,BadHosts,Known bad hosts\n2,P2P\n61,Far,x\nx\n");
        assert_eq!(found, [(1, "BadHosts".into()), (2, "P2P".into())]);
        assert_eq!(wrong.iter().map(|d| d.line).collect::<Vec<_>>(), [4, 5]);
        let (found, wrong) = scores(
            Path::new("s"),
            b"4.4.4.4,10,100\n10.0.0.0/8,1,0\nfd00::/8,2,127\nfd00::1, 2, 5\n1.2.3,1,1\n1.2.3.4/33,1,1\n1.2.3.4,1,128\n1.2.3.4,1\n",
        );
        assert_eq!(
            found.iter().map(|(_, category, score)| (*category, *score)).collect::<Vec<_>>(),
            [(10, 100), (1, 0), (2, 127), (2, 5)]
        );
        assert_eq!(wrong.iter().map(|d| d.line).collect::<Vec<_>>(), [5, 6, 7, 8]);
    }

    #[test]
    fn a_score_of_0_takes_away_what_the_network_around_it_has() {
        let (list, _) = scores(Path::new("s"), b"10.0.0.0/8,1,50\n10.0.0.1,1,0\n");
        let known = build(vec![(1, "a".into())], list);
        let address = |last| {
            let mut a = [0; 16];
            (a[0], a[3]) = (10, last);
            a
        };
        assert_eq!(known.table.score(4, &address(2), 1), Some(50));
        assert_eq!(known.table.score(4, &address(1), 1), None);
    }
}
