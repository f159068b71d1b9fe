//! Cursors: the place of a list's last user, sealed to tenant, filter, order and sources (contract §3.1).

use masthead_domain::{
    case,
    customer_registration_id::CustomerRegistrationId,
    flow::Sources,
    order::{Direction, ListCursor, Order, SortColumn, SortKey, SortValue},
    query::UserFilter,
    tenant::Tenant,
};
use masthead_ports::sealing::{Purpose, Sealing};

/// What a cursor is bound to; two lists that share it are the same list.
fn binding(tenant: &Tenant, filter: &UserFilter, order: Order, sources: Sources) -> String {
    let direction = match order.direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    };
    let sources = match sources {
        Sources::Store => "store",
        Sources::ProviderAndStore(provider) => provider.name(),
    };
    // A remote one has marks of its own, which ours would not understand.
    let remote = if tenant.settings.has_remote_store() {
        " remote"
    } else {
        ""
    };
    // The place of a name by other rules would skip users of this list.
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

/// The cursor that goes on after this place.
pub(crate) fn seal(
    sealing: &dyn Sealing,
    tenant: &Tenant,
    (filter, order, sources): (&UserFilter, Order, Sources),
    place: &ListCursor,
) -> String {
    let binding = binding(tenant, filter, order, sources);
    sealing.seal(&tenant.id, Purpose::Cursor { binding: &binding }, &written(place))
}

/// The place of a cursor; `None` when it was not made by us for this very list.
pub(crate) fn open(
    sealing: &dyn Sealing,
    tenant: &Tenant,
    (filter, order, sources): (&UserFilter, Order, Sources),
    cursor: &str,
) -> Option<ListCursor> {
    let binding = binding(tenant, filter, order, sources);
    let plain = sealing
        .open(&tenant.id, Purpose::Cursor { binding: &binding }, cursor)
        .ok()?;
    read(&plain)
}

/// `t`, the length of the text, `:`, the text; or `n`, the number, `:`; or `e:` for an empty number; then the id. `m:` and a source's own mark.
fn written(place: &ListCursor) -> String {
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

fn read(plain: &str) -> Option<ListCursor> {
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

    /// ADR 0098: keys by which names are sorted were other ones before; the cursor's place is no place among the new ones.
    #[test]
    fn a_cursor_by_name_opens_only_under_the_rules_it_was_made_by() {
        let tenant = tenant("north/daily/herald", 1, &[]);
        let filter = UserFilter::default();
        for column in SortColumn::ALL {
            let order = Order {
                column,
                direction: Direction::Ascending,
            };
            let list = (&filter, order, Sources::Store);
            // As versions before 0098 bound it.
            let binding = format!("{} asc store {}", column.name(), filter.canonical());
            let before = FakeSealing.seal(&tenant.id, Purpose::Cursor { binding: &binding }, "t3:abc7");
            let by_name = matches!(column, SortColumn::FirstName | SortColumn::LastName);
            let opened = open(&FakeSealing, &tenant, list, &before);
            assert_eq!(opened.is_none(), by_name, "{}", column.name());

            let place = ListCursor::Key(SortKey {
                value: SortValue::Text("abc".into()),
                crid: CustomerRegistrationId::parse("7").unwrap(),
            });
            let now = seal(&FakeSealing, &tenant, list, &place);
            assert!(open(&FakeSealing, &tenant, list, &now) == Some(place));
        }
    }

    #[test]
    fn a_place_survives_the_journey() {
        for value in [
            SortValue::Text("".into()),
            SortValue::Text("9:dé|".into()),
            SortValue::Number(Some(-5)),
            SortValue::Number(None),
        ] {
            let crid = CustomerRegistrationId::parse("auth0|7:é").unwrap();
            let place = ListCursor::Key(SortKey { value, crid });
            assert!(read(&written(&place)) == Some(place));
        }
        let mark = ListCursor::Opaque("c:é|".into());
        assert!(read(&written(&mark)) == Some(mark));
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
