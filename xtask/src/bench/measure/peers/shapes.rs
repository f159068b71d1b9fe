//! The kinds of requests that Masthead and its peers are measured with, and what each must answer.

use std::collections::BTreeSet;

use super::super::context::BenchContext;
use super::super::http::percent_encode;
use super::super::lookups::email_requests;
use super::super::users::{InventedUser, LARGEST};
use super::super::wrk::{WrkRequests, request_tail};
use super::papers::{Needles, Paper, Papers};
use crate::shell::TaskResult;

/// How many users a page has unless a request names another number.
const PAGE: usize = 10;

/// How many answers of each kind are checked.
const CHECKED: usize = 12;

/// A kind of request.
pub(super) struct LoadShape {
    /// As in the names of ratios: `{name}_vs_node`.
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) requests: WrkRequests,
    /// Needles in the large paper that OpenLDAP is searched for as well.
    pub(super) ldap_needles: Option<Needles>,
    /// Answers that are checked before the measurement.
    pub(super) checks: Vec<ExpectedPage>,
}

/// A request and the answer that the model gives.
pub(super) struct ExpectedPage {
    pub(super) tenant: u32,
    pub(super) target: String,
    pub(super) ids: Vec<String>,
    pub(super) total: usize,
}

/// All kinds of requests that are loads, with their files in `target/bench`.
pub(super) fn all(context: &BenchContext<'_>, papers: &Papers) -> TaskResult<Vec<LoadShape>> {
    let large = papers.large.len();
    let small = papers.small.iter().map(Paper::len).max().unwrap_or_default();
    let shape = |name, title, requests, checks| LoadShape {
        name,
        title,
        requests,
        ldap_needles: None,
        checks,
    };
    let part = |name, kind: &str, readers: usize, needles: &Needles| -> TaskResult<LoadShape> {
        let requests = part_requests(context, name, needles)?;
        let title = format!("{kind} part of an address with exact total, paper of {readers}");
        Ok(shape(name, title, requests, part_checks(papers, needles)))
    };
    let list = |name, papers: &[&Paper], readers: usize| -> TaskResult<LoadShape> {
        let tenants = papers.iter().map(|paper| (paper.tenant, String::new())).collect();
        let requests = requests_of(context, name, "GET /v4/Users?orderBy=2", "", &tenants)?;
        let checks = papers.iter().take(CHECKED).map(|paper| whole_list(paper)).collect();
        let title = format!("Page 1 by address with exact total, paper of {readers}");
        Ok(shape(name, title, requests, checks))
    };
    let rare = papers.rare_in_large();
    let absent = papers.absent_in_large();
    let mut shapes = vec![
        shape(
            "exact_email",
            format!("Exact look-ups by e-mail among {} readers", context.plan.rows),
            email_requests(context)?,
            exact_checks(papers),
        ),
        part("search_rare_small", "Rare", small, &papers.rare_in_small())?,
        part("search_rare_large", "Rare", large, &rare)?,
        part("search_absent_large", "Absent", large, &absent)?,
        part("search_common_large", "Common", large, &papers.common_in_large()?)?,
        list("list_small", &papers.small.iter().collect::<Vec<_>>(), small)?,
        list("list_large", &[&papers.large], large)?,
    ];
    for (name, needles) in [("search_rare_large", rare), ("search_absent_large", absent)] {
        let shape = shapes.iter_mut().find(|shape| shape.name == name);
        shape.ok_or("a kind of request is missing")?.ldap_needles = Some(needles);
    }
    Ok(shapes)
}

/// Answers that are checked although they are no load: filters by metadata, other orders, later pages.
pub(super) fn further_checks(papers: &Papers) -> Vec<ExpectedPage> {
    let mut checks = Vec::new();
    for paper in papers.small.iter().take(3) {
        let silver = |user: InventedUser| user.metadata().contains(&("loyaltyTier", "silver".to_owned()));
        let mut by_name = paper.with(|_| true);
        by_name.sort_by_key(|user| (user.last_name(), user.id()));
        let mut by_date = paper.with(|_| true);
        by_date.sort_by_key(|user| (user.import_line("")["dateRegistered"].to_string(), user.id()));
        let mut by_id = paper.with(|_| true);
        by_id.sort_by_key(|user| user.id());
        let mut backwards = paper.with(|_| true);
        backwards.reverse();
        for (target, all, page) in [
            ("metadata.loyaltyTier=silver", paper.with(silver), 1),
            ("orderBy=1", by_id, 1),
            ("orderBy=4", by_name, 1),
            ("orderBy=7", by_date, 1),
            ("orderBy=2&orderByType=1", backwards, 1),
            ("pageNumber=2", paper.with(|_| true), 2),
            ("pageNumber=900", paper.with(|_| true), 900),
        ] {
            checks.push(ExpectedPage::for_tenant(paper.tenant, target, &all, page));
        }
        // Wildcards are no wildcards.
        for needle in ["%", "_", "\\"] {
            let all: Vec<_> = paper.with_part(needle).map(|(_, user)| *user).collect();
            checks.push(ExpectedPage::for_tenant(paper.tenant, &part_query(needle), &all, 1));
        }
    }
    checks
}

/// Searches of the large paper for a common part, for the storm.
pub(super) fn broad_requests(context: &BenchContext<'_>, papers: &Papers) -> TaskResult<WrkRequests> {
    part_requests(context, "storm", &papers.common_in_large()?)
}

impl ExpectedPage {
    fn for_tenant(tenant: u32, query: &str, all: &[InventedUser], page: usize) -> Self {
        let ids = all.iter().skip((page - 1) * PAGE).take(PAGE);
        Self {
            tenant,
            target: format!("/v4/Users?{query}"),
            ids: ids.map(|user| user.id()).collect(),
            total: all.len(),
        }
    }
}

fn part_query(needle: &str) -> String {
    format!("email={}&emailMatch=contains", percent_encode(needle))
}

fn part_requests(context: &BenchContext<'_>, name: &str, needles: &Needles) -> TaskResult<WrkRequests> {
    requests_of(context, name, "GET /v4/Users?email=", "&emailMatch=contains", needles)
}

/// GET requests: a head, an encoded needle, and a tail with the headers of the needle's tenant.
fn requests_of(
    context: &BenchContext<'_>,
    name: &str,
    head: &str,
    tail: &str,
    needles: &Needles,
) -> TaskResult<WrkRequests> {
    let tenants: Vec<u32> = needles
        .iter()
        .map(|(tenant, _)| *tenant)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let tails: Vec<String> = tenants
        .iter()
        .map(|tenant| request_tail(tail, &context.tenant_headers(*tenant)))
        .collect();
    let keys = needles.iter().filter_map(|(tenant, needle)| {
        let at = tenants.binary_search(tenant).ok()?;
        Some((u32::try_from(at).ok()?, percent_encode(needle)))
    });
    WrkRequests::write(context.folder, name, head, keys, &tails)
}

fn part_checks(papers: &Papers, needles: &Needles) -> Vec<ExpectedPage> {
    let step = (needles.len() / CHECKED).max(1);
    let sampled = needles.iter().step_by(step).take(CHECKED);
    let page = |(tenant, needle): &(u32, String)| {
        let paper = papers.small.iter().find(|paper| paper.tenant == *tenant);
        let paper = paper.unwrap_or(&papers.large);
        let all: Vec<_> = paper.with_part(needle).map(|(_, user)| *user).collect();
        ExpectedPage::for_tenant(*tenant, &part_query(needle), &all, 1)
    };
    sampled.map(page).collect()
}

fn exact_checks(papers: &Papers) -> Vec<ExpectedPage> {
    let large = papers.large.with(|user| user.0 % 1_000 < 10);
    let found = large.into_iter().take(CHECKED).map(|user| (LARGEST, user, true));
    // The same addresses in another paper match no reader.
    let other = papers.small.first().map_or(LARGEST, |paper| paper.tenant);
    let foreign = papers.large.with(|user| user.0 % 1_000 < 10);
    let foreign = foreign.into_iter().take(2).map(|user| (other, user, false));
    let page = |(tenant, user, is_found): (u32, InventedUser, bool)| {
        let users = if is_found { vec![user] } else { Vec::new() };
        ExpectedPage::for_tenant(tenant, &format!("email={}", percent_encode(&user.email())), &users, 1)
    };
    found.chain(foreign).map(page).collect()
}

fn whole_list(paper: &Paper) -> ExpectedPage {
    ExpectedPage::for_tenant(paper.tenant, "orderBy=2", &paper.with(|_| true), 1)
}
