//! One reader through every door of a tenant whose provider answers: by id, by query string, by search, by the legacy API and
//! by the export it is one canonical record.

use masthead_testkit::views::{exported_without_store, legacy_as_v4, v4_as_exported};
use serde_json::json;

use crate::{
    providers::{
        client::{by_email, by_id},
        exporting::{ExportJob, address, id},
        server::{FederatedTenant, ProviderTestServer},
    },
    support::readers::{crid, email},
};

#[test]
fn the_same_reader_by_v4_legacy_by_id_search_and_export_is_one_canonical_record() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("doors")], &[]);
    let (client, job) = (&server.client("doors"), &ExportJob::create(&server, "doors", "doors"));
    server.runtime.block_on(async {
        for name in ["both-doors", "local-doors", "provider-doors"] {
            let get = async |path: &str| client.get(path, "doors").await;
            let search = async |body| client.search(&body, "doors").await;
            let record = get(&by_id(name)).await.user().clone();
            assert_eq!(record["customerRegistrationId"], crid(name));
            for response in [
                get(&by_email(name)).await,
                get(&format!(
                    "/v4/Users?customerRegistrationId={}",
                    crid(name).replace('|', "%7C")
                ))
                .await,
                search(json!({"email": email(name)})).await,
                search(json!({"customerRegistrationId": crid(name)})).await,
            ] {
                assert_eq!(response.user(), &record, "{name}");
            }
            for path in [
                format!("/User/{}/0", crid(name).replace('|', "%7C")),
                format!("/User/0?email={}", email(name)),
                format!("/User?request.email={}", email(name)),
            ] {
                let response = get(&path).await;
                assert_eq!(
                    legacy_as_v4(&response.body["Result"]["Users"][0]),
                    record,
                    "{name} {path}"
                );
            }
            let exported = job.data(&[id(name), address(name)]).await;
            let expected = v4_as_exported(&record);
            assert_eq!(
                exported_without_store(&exported["users"]),
                json!([expected, expected]),
                "{name}"
            );
        }
    });
    server.stop();
}
