//! Cursors: the position after the last user of a page, sealed and bound to the list it came from (contract §3.1).

use masthead_domain::{
    case,
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    order::{Direction, ListCursor, Order, SortColumn, SortKey, SortValue},
    query::UserFilter,
    tenant::Tenant,
};
use masthead_ports::sealing::{Purpose, Sealing};

/// The list that a cursor belongs to, besides its tenant.
#[derive(Clone, Copy)]
pub(crate) struct CursorScope<'a> {
    pub(crate) filter: &'a UserFilter,
    pub(crate) order: Order,
    pub(crate) sources: Sources,
}

/// The text that a cursor is bound to; two lists with the same text are the same list.
fn binding(tenant: &Tenant, CursorScope { filter, order, sources }: CursorScope<'_>) -> String {
    let direction = match order.direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    };
    let sources = match sources {
        Sources::Store => "store",
        Sources::ProviderAndStore(provider) => provider.name(),
    };
    // A remote store uses its own marks, which the local store cannot read.
    let remote = if tenant.settings.has_remote_store() {
        " remote"
    } else {
        ""
    };
    // Positions by name depend on the folding rules; under other rules they would skip users.
    let rules = match order.column {
        SortColumn::FirstName | SortColumn::LastName => format!(" rules{}", case::RULES),
        SortColumn::CustomerRegistrationId
        | SortColumn::Email
        | SortColumn::State
        | SortColumn::Verified
        | SortColumn::DateRegistered
        | SortColumn::ChangeDate => String::new(),
    };
    format!(
        "{}{rules} {direction} {sources}{remote} {}",
        order.column.name(),
        filter.canonical()
    )
}

/// The cursor of the users after this position.
pub(crate) fn seal(sealing: &dyn Sealing, tenant: &Tenant, scope: CursorScope<'_>, place: &ListCursor) -> String {
    let binding = binding(tenant, scope);
    sealing.seal(&tenant.id, Purpose::Cursor { binding: &binding }, &encode(place))
}

/// The position of a cursor; `None` when it was not sealed for this list.
pub(crate) fn open(sealing: &dyn Sealing, tenant: &Tenant, scope: CursorScope<'_>, cursor: &str) -> Option<ListCursor> {
    let binding = binding(tenant, scope);
    let plain = sealing
        .open(&tenant.id, Purpose::Cursor { binding: &binding }, cursor)
        .ok()?;
    decode(&plain)
}

/// Encodes a position as `t{length}:{text}{id}`, `n{number}:{id}` or `e:{id}` (no number), or `m:{mark}` of a source.
fn encode(place: &ListCursor) -> String {
    let place = match place {
        ListCursor::Key(key) => key,
        ListCursor::Opaque(mark) => return format!("m:{mark}"),
    };
    let crid = place.crid.as_str();
    match &place.value {
        SortValue::Text(text) => format!("t{}:{text}{crid}", text.len()),
        SortValue::Number(Some(number)) => format!("n{number}:{crid}"),
        SortValue::Number(None) => format!("e:{crid}"),
    }
}

fn decode(plain: &str) -> Option<ListCursor> {
    let (head, rest) = plain.split_once(':')?;
    let (value, crid) = match head.split_at_checked(1)? {
        ("t", length) => {
            let (text, crid) = rest.split_at_checked(length.parse().ok()?)?;
            (SortValue::Text(text.into()), crid)
        }
        ("n", number) => (SortValue::Number(Some(number.parse().ok()?)), rest),
        ("e", "") => (SortValue::Number(None), rest),
        ("m", "") => return Some(ListCursor::Opaque(rest.into())),
        _ => return None,
    };
    let crid = CustomerRegistrationId::parse(crid).ok()?;
    Some(SortKey { value, crid }.into())
}

#[cfg(test)]
mod tests {
    use masthead_testkit::{sealing::FakeSealing, tenants::tenant};

    use super::*;

    /// ADR 0098 changed the sort keys of names, so older cursors by name have no position in the new order.
    #[test]
    fn cursor_by_name_is_bound_to_the_folding_rules() {
        let tenant = tenant("north/daily/herald", 1, &[]);
        let filter = UserFilter::default();
        for column in SortColumn::ALL {
            let order = Order {
                column,
                direction: Direction::Ascending,
            };
            let scope = CursorScope {
                filter: &filter,
                order,
                sources: Sources::Store,
            };
            // The binding before ADR 0098.
            let binding = format!("{} asc store {}", column.name(), filter.canonical());
            let before = FakeSealing.seal(&tenant.id, Purpose::Cursor { binding: &binding }, "t3:abc7");
            let by_name = matches!(column, SortColumn::FirstName | SortColumn::LastName);
            let opened = open(&FakeSealing, &tenant, scope, &before);
            assert_eq!(opened.is_none(), by_name, "{}", column.name());

            let place = ListCursor::Key(SortKey {
                value: SortValue::Text("abc".into()),
                crid: CustomerRegistrationId::parse("7").unwrap(),
            });
            let now = seal(&FakeSealing, &tenant, scope, &place);
            assert!(open(&FakeSealing, &tenant, scope, &now) == Some(place));
        }
    }

    #[test]
    fn position_survives_encoding() {
        for value in [
            SortValue::Text("".into()),
            SortValue::Text("9:dé|".into()),
            SortValue::Number(Some(-5)),
            SortValue::Number(None),
        ] {
            let crid = CustomerRegistrationId::parse("auth0|7:é").unwrap();
            let place = ListCursor::Key(SortKey { value, crid });
            assert!(decode(&encode(&place)) == Some(place));
        }
        let mark = ListCursor::Opaque("c:é|".into());
        assert!(decode(&encode(&mark)) == Some(mark));
    }

    #[test]
    fn malformed_position_is_rejected() {
        for text in [
            "", "t", "t5:ab", "t1:é", "tx:ab", "n:7", "nx:7", "e1:7", "e:", "z1:7", "é:7",
        ] {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }
}
