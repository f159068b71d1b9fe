//! Cursors: the place of a list's last user, sealed to tenant, filter, order and sources (contract §3.1).

use masthead_domain::{
    crid::Crid,
    flow::Sources,
    order::{Direction, Order, SortKey, SortValue},
    query::UserFilter,
    tenant::Tenant,
};
use masthead_ports::sealing::{Purpose, Sealing};

/// What a cursor is bound to; two lists that share it are the same list.
fn binding(filter: &UserFilter, order: Order, sources: Sources) -> String {
    let direction = match order.direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    };
    let sources = match sources {
        Sources::Store => "store",
        Sources::ProviderAndStore(provider) => provider.name(),
    };
    format!("{} {direction} {sources} {}", order.column.name(), filter.canonical())
}

/// The cursor that goes on after this place.
pub(crate) fn seal(
    sealing: &dyn Sealing,
    tenant: &Tenant,
    (filter, order, sources): (&UserFilter, Order, Sources),
    place: &SortKey,
) -> String {
    let binding = binding(filter, order, sources);
    sealing.seal(&tenant.id, Purpose::Cursor { binding: &binding }, &written(place))
}

/// The place of a cursor; `None` when it was not made by us for this very list.
pub(crate) fn open(
    sealing: &dyn Sealing,
    tenant: &Tenant,
    (filter, order, sources): (&UserFilter, Order, Sources),
    cursor: &str,
) -> Option<SortKey> {
    let binding = binding(filter, order, sources);
    let plain = sealing
        .open(&tenant.id, Purpose::Cursor { binding: &binding }, cursor)
        .ok()?;
    read(&plain)
}

/// `t`, the length of the text, `:`, the text; or `n`, the number, `:`; or `e:` for an empty number; then the id.
fn written(place: &SortKey) -> String {
    let crid = place.crid.as_str();
    match &place.value {
        SortValue::Text(text) => format!("t{}:{text}{crid}", text.len()),
        SortValue::Number(Some(number)) => format!("n{number}:{crid}"),
        SortValue::Number(None) => format!("e:{crid}"),
    }
}

fn read(plain: &str) -> Option<SortKey> {
    let (head, rest) = plain.split_once(':')?;
    let (value, crid) = match head.split_at_checked(1)? {
        ("t", length) => {
            let (text, crid) = rest.split_at_checked(length.parse().ok()?)?;
            (SortValue::Text(text.into()), crid)
        }
        ("n", number) => (SortValue::Number(Some(number.parse().ok()?)), rest),
        ("e", "") => (SortValue::Number(None), rest),
        _ => return None,
    };
    Some(SortKey {
        value,
        crid: Crid::parse(crid).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_journey() {
        for value in [
            SortValue::Text("".into()),
            SortValue::Text("9:dé|".into()),
            SortValue::Number(Some(-5)),
            SortValue::Number(None),
        ] {
            let place = SortKey {
                value,
                crid: Crid::parse("auth0|7:é").unwrap(),
            };
            assert!(read(&written(&place)) == Some(place));
        }
    }

    #[test]
    fn other_texts_are_no_places() {
        for text in [
            "", "t", "t5:ab", "t1:é", "tx:ab", "n:7", "nx:7", "e1:7", "e:", "z1:7", "é:7",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
    }
}
