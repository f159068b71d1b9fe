//! Every statement of a search, for the tests that prepare them against the schema.

use std::collections::BTreeMap;

use masthead_domain::{
    customer_registration_id::CustomerRegistrationId,
    email::EmailFragment,
    metadata::MetadataPair,
    order::{Direction, Order, SortColumn},
    query::{CountMode, EmailFilter, NamePrefix, Position, UserFilter, UserQuery},
    tenant::PoolId,
};

use super::{
    sort_order::SortBound,
    statement::{SearchStatement, SearchStep, TotalMode},
    table::Table,
};
use crate::query_tag::QueryTag;

/// The statements of this table for every step, column and direction, by their columns after those of the table. All users of a mirror
/// have the same state.
pub(crate) fn statements(table: &Table<'_>) -> BTreeMap<&'static str, Vec<String>> {
    let same_state = !table.has_metadata();
    let containing = |needle| UserFilter {
        emails: vec![EmailFilter::Contains(EmailFragment::from_text(needle))],
        only_active: !same_state,
        ..UserFilter::default()
    };
    let filters = [
        UserFilter::default(),
        UserFilter {
            crids: vec![CustomerRegistrationId::parse("1").unwrap()],
            ..UserFilter::default()
        },
        UserFilter {
            last_name: Some(NamePrefix::from_text("m")),
            ..UserFilter::default()
        },
        containing("gmail"),
        containing("qj"),
        containing("q"),
        UserFilter {
            metadata: vec![MetadataPair::new("city", "Oslo")],
            ..UserFilter::default()
        },
    ];
    let mut statements = BTreeMap::<_, Vec<_>>::new();
    for filter in filters {
        for column in SortColumn::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let query = UserQuery {
                    filter: filter.clone(),
                    order: Order { column, direction },
                    position: Position::Offset(0),
                    size: 10,
                    count: CountMode::Exact,
                };
                let value = if matches!(column, SortColumn::DateRegistered | SortColumn::ChangeDate) {
                    "2026-11-29"
                } else {
                    "1"
                };
                let bound = SortBound {
                    value: value.to_owned(),
                    crid: "1".to_owned(),
                };
                let statement = SearchStatement::new(table, PoolId(1), same_state, &query);
                let bounded = statement.can_bound().then_some(SearchStep::GatherUpTo(&bound));
                for step in [
                    SearchStep::ReadInOrder,
                    SearchStep::WholeScan,
                    SearchStep::Scan { most: None },
                    SearchStep::CountedScan { entries: 100 },
                    SearchStep::Gather,
                    SearchStep::GatherMany,
                    SearchStep::GatherFew { most: 100 },
                    SearchStep::Sample { most: 100, bound: 4 },
                ]
                .into_iter()
                .chain(bounded)
                {
                    let columns = match step {
                        SearchStep::ReadInOrder | SearchStep::Scan { .. } | SearchStep::GatherUpTo(_) => "",
                        SearchStep::CountedScan { .. } => "scanned matched",
                        SearchStep::Sample { .. } => "matched bound_part bound_value bound_crid",
                        _ => "matched",
                    };
                    let sql = statement.build(step, TotalMode::Counted, QueryTag::new());
                    statements
                        .entry(columns)
                        .or_default()
                        .push(sql.sql().as_str().to_owned());
                }
            }
        }
    }
    statements
}
