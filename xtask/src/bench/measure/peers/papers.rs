//! The papers that are searched, the parts of addresses that are searched for, and a naive model of the answers.

use std::collections::BTreeMap;

use super::super::users::{COMMON_DOMAIN, InventedUser, LARGEST, TENANTS, hash};
use crate::shell::TaskResult;

/// How many small papers are drawn from, and how many needles each has.
const SMALL_PAPERS: u32 = 20;
const NEEDLES_OF_SMALL: usize = 10;

/// How many needles the large paper has of each kind.
const NEEDLES_OF_LARGE: usize = 200;

/// A rare part of addresses has so many characters and matches at most so many readers.
const PART: usize = 7;
const RARE: usize = 20;

/// Parts that many addresses have; those that more than a tenth of a paper has are used.
const COMMON: [&str; 10] = [
    COMMON_DOMAIN,
    "bigmail",
    "@bigmail",
    "mail.example",
    "post.example",
    "@post",
    "maria",
    "maria.",
    "@firm",
    "firm",
];

/// The readers of a tenant, sorted by address.
pub(super) struct Paper {
    pub(super) tenant: u32,
    readers: Vec<(String, InventedUser)>,
}

/// Parts of addresses and the paper in which each is searched for.
pub(super) type Needles = Vec<(u32, String)>;

/// The large paper and some small ones.
pub(super) struct Papers {
    pub(super) large: Paper,
    pub(super) small: Vec<Paper>,
}

impl Papers {
    pub(super) fn among(rows: u32) -> Self {
        // Tenant 1 is neither large nor small.
        let small = TENANTS - SMALL_PAPERS..TENANTS;
        let mut readers = BTreeMap::<u32, Vec<(String, InventedUser)>>::new();
        for user in (0..rows).map(InventedUser) {
            let tenant = user.tenant();
            if tenant == LARGEST || small.contains(&tenant) {
                readers.entry(tenant).or_default().push((user.email(), user));
            }
        }
        let mut papers = readers.into_iter().map(|(tenant, mut readers)| {
            readers.sort_unstable_by(|one, other| one.0.cmp(&other.0));
            Paper { tenant, readers }
        });
        let large = papers.next().unwrap_or(Paper {
            tenant: LARGEST,
            readers: Vec::new(),
        });
        Self {
            large,
            small: papers.collect(),
        }
    }

    /// Rare parts of the small papers.
    pub(super) fn rare_in_small(&self) -> Needles {
        self.small
            .iter()
            .flat_map(|paper| paper.tagged(paper.rare_parts(NEEDLES_OF_SMALL)))
            .collect()
    }

    pub(super) fn rare_in_large(&self) -> Needles {
        self.large.tagged(self.large.rare_parts(NEEDLES_OF_LARGE))
    }

    pub(super) fn absent_in_large(&self) -> Needles {
        self.large.tagged(self.large.absent_parts(NEEDLES_OF_LARGE))
    }

    /// # Errors
    /// When no part is common enough.
    pub(super) fn common_in_large(&self) -> TaskResult<Needles> {
        let needles = self.large.tagged(self.large.common_parts());
        if needles.is_empty() {
            return Err("no part of an address is common".into());
        }
        Ok(needles)
    }
}

impl Paper {
    pub(super) fn len(&self) -> usize {
        self.readers.len()
    }

    /// The readers whose address has this part, by address.
    pub(super) fn with_part(&self, part: &str) -> impl Iterator<Item = &(String, InventedUser)> {
        self.readers.iter().filter(move |(email, _)| email.contains(part))
    }

    /// The readers for which a condition holds, by address.
    pub(super) fn with(&self, holds: impl Fn(InventedUser) -> bool) -> Vec<InventedUser> {
        let readers = self.readers.iter().map(|(_, user)| *user);
        readers.filter(|user| holds(*user)).collect()
    }

    fn tagged(&self, parts: Vec<String>) -> Needles {
        parts.into_iter().map(|part| (self.tenant, part)).collect()
    }

    /// The end of a name and the beginning of the number behind it, of drawn readers; the same in every run.
    fn drawn_parts(&self) -> impl Iterator<Item = String> {
        let readers = self.readers.len().max(1) as u64;
        let draws = 0..u32::try_from(self.readers.len() * 20).unwrap_or(u32::MAX);
        draws.filter_map(move |draw| {
            let at = usize::try_from(hash(draw, 60) % readers).ok()?;
            let local = self.readers.get(at)?.0.split('@').next()?;
            let starts = local.len().checked_sub(PART)?;
            let start = usize::try_from(hash(draw, 61)).ok()? % (starts + 1);
            local.get(start..start + PART).map(str::to_owned)
        })
    }

    fn rare_parts(&self, wanted: usize) -> Vec<String> {
        let is_rare = |part: &String| (1..=RARE).contains(&self.with_part(part).take(RARE + 1).count());
        self.drawn_parts().filter(is_rare).take(wanted).collect()
    }

    /// Parts like the rare ones but for their last two characters: no address has them, though many have most of their trigrams.
    fn absent_parts(&self, wanted: usize) -> Vec<String> {
        let others = self.drawn_parts().skip(wanted);
        let mixed = self
            .drawn_parts()
            .zip(others)
            .filter_map(|(one, other)| Some(format!("{}{}", one.get(..PART - 2)?, other.get(PART - 2..)?)));
        mixed
            .filter(|part| self.with_part(part).next().is_none())
            .take(wanted)
            .collect()
    }

    fn common_parts(&self) -> Vec<String> {
        let is_common = |part: &&str| self.with_part(part).count() * 10 > self.len();
        COMMON.into_iter().filter(is_common).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_match_as_often_as_promised() {
        let papers = Papers::among(40_000);
        assert_eq!(papers.large.len(), 20_000);
        assert_eq!(papers.small.len(), SMALL_PAPERS as usize);
        let matches = |(tenant, part): &(u32, String)| {
            let all = (0..40_000).map(InventedUser);
            all.filter(|user| user.tenant() == *tenant && user.email().contains(part.as_str()))
                .count()
        };
        let sampled = |needles: Needles| needles.into_iter().step_by(37).collect::<Vec<_>>();
        assert!(
            sampled(papers.rare_in_small())
                .iter()
                .all(|needle| (1..=RARE).contains(&matches(needle)))
        );
        assert!(
            sampled(papers.rare_in_large())
                .iter()
                .all(|needle| (1..=RARE).contains(&matches(needle)))
        );
        assert!(
            sampled(papers.absent_in_large())
                .iter()
                .all(|needle| matches(needle) == 0)
        );
        let common = papers.common_in_large().unwrap();
        assert!(common.len() > 4 && common.iter().all(|needle| matches(needle) > 2_000));
    }

    #[test]
    fn there_are_enough_needles() {
        let papers = Papers::among(40_000);
        assert_eq!(papers.rare_in_large().len(), NEEDLES_OF_LARGE);
        assert_eq!(papers.absent_in_large().len(), NEEDLES_OF_LARGE);
        assert!(papers.rare_in_small().len() > 100);
    }
}
