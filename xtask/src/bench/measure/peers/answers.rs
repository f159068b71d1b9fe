//! Checks, before anything is measured, that Masthead and the Node peer answer the same, and what the model answers.

use serde_json::Value;

use super::super::context::BenchContext;
use super::super::http::BlockingClient;
use super::shapes::ExpectedPage;
use crate::shell::TaskResult;

/// Compares the answers of the servers at these addresses with the model and with each other.
///
/// # Errors
/// When an answer is wrong: a peer that answers something else is no peer.
pub(super) fn check(context: &BenchContext<'_>, servers: [(&str, &str); 2], pages: &[&ExpectedPage]) -> TaskResult {
    let [mut masthead, mut node] = [
        BlockingClient::connect(servers[0].1)?,
        BlockingClient::connect(servers[1].1)?,
    ];
    for page in pages {
        let headers = context.tenant_headers(page.tenant);
        let mut users = Vec::new();
        for (client, (name, _)) in [(&mut masthead, servers[0]), (&mut node, servers[1])] {
            let reply = client.get(&page.target, &headers)?;
            // All readers are invented, so that the answer may be printed.
            let answer = reply.json(&page.target).map_err(|error| format!("{name}: {error}"))?;
            check_page(&answer, page).map_err(|error| format!("{name}, {}: {error}", page.target))?;
            users.push(comparable(answer));
        }
        if users[0] != users[1] {
            let (one, other) = (&users[0], &users[1]);
            return Err(format!("{} differs:\n{one}\n{other}", page.target).into());
        }
    }
    println!("checked: {} answers of Masthead and of the Node peer", pages.len());
    Ok(())
}

fn check_page(answer: &Value, page: &ExpectedPage) -> Result<(), String> {
    let users = answer["data"].as_array().ok_or("no list of users")?;
    let ids: Vec<&str> = users
        .iter()
        .filter_map(|user| user["customerRegistrationId"].as_str())
        .collect();
    if answer["meta"]["totalRecords"].as_u64() != Some(page.total as u64) {
        let total = &answer["meta"]["totalRecords"];
        return Err(format!("counts {total} instead of {}", page.total));
    }
    if ids != page.ids {
        return Err(format!("answers {ids:?} instead of {:?}", page.ids));
    }
    let is_sealed = |user: &Value| {
        user["encryptedCustomerRegistrationId"]
            .as_str()
            .is_some_and(|id| id.len() > 20)
    };
    if users.iter().all(is_sealed) {
        Ok(())
    } else {
        Err("an id is not sealed".to_owned())
    }
}

/// The users without what two servers never have in common: each seals ids with its own key.
fn comparable(mut answer: Value) -> Value {
    if let Some(users) = answer["data"].as_array_mut() {
        for user in users.iter_mut().filter_map(Value::as_object_mut) {
            user.remove("encryptedCustomerRegistrationId");
        }
    }
    answer["data"].take()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_page_is_noticed() {
        let page = ExpectedPage {
            tenant: 0,
            target: String::new(),
            ids: vec!["1".to_owned()],
            total: 1,
        };
        let sealed = "s".repeat(30);
        let user =
            |id: &str, sealed: &str| json!({"customerRegistrationId": id, "encryptedCustomerRegistrationId": sealed});
        let answer = |total: u64, users: Value| json!({"meta": {"totalRecords": total}, "data": users});
        assert!(check_page(&answer(1, json!([user("1", &sealed)])), &page).is_ok());
        assert!(check_page(&answer(2, json!([user("1", &sealed)])), &page).is_err());
        assert!(check_page(&answer(1, json!([user("2", &sealed)])), &page).is_err());
        assert!(check_page(&answer(1, json!([user("1", "")])), &page).is_err());
        assert!(check_page(&json!({"data": null}), &page).is_err());
        let other = json!([user("1", "other")]);
        assert_eq!(
            comparable(answer(1, json!([user("1", &sealed)]))),
            comparable(answer(1, other))
        );
    }
}
