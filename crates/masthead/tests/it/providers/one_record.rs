//! Each API returns the same record of a user: v4 by id, by query string and by search, the legacy API, and the export.

use masthead_ports::sealing::Purpose;
use masthead_testkit::views::{exported_without_store, legacy_as_v4, v4_as_exported};
use serde_json::json;

use crate::{
    providers::{
        client::{by_email, by_id},
        exporting::{ExportJob, address, id},
        legacy::sealed,
        server::{FederatedTenant, ProviderTestServer},
    },
    support::{
        http_client::percent_encoded,
        readers::{crid, email},
    },
};

#[test]
fn every_api_returns_the_same_record() {
    let server = ProviderTestServer::start(&[FederatedTenant::new("record")], &[]);
    let (client, job) = (
        &server.client("record"),
        &ExportJob::create(&server, "record", "record"),
    );
    server.runtime.block_on(async {
        for name in ["both-record", "local-record", "provider-record"] {
            let get = async |path: &str| client.get(path, "record").await;
            let search = async |body| client.search(&body, "record").await;
            let record = get(&by_id(name)).await.user().clone();
            assert_eq!(record["customerRegistrationId"], crid(name));
            for response in [
                get(&by_email(name)).await,
                get(&format!(
                    "/v4/Users?customerRegistrationId={}",
                    percent_encoded(&crid(name))
                ))
                .await,
                search(json!({"email": email(name)})).await,
                search(json!({"customerRegistrationId": crid(name)})).await,
            ] {
                assert_eq!(response.user(), &record, "{name}");
            }
            let sealed_id = sealed("record", Purpose::CustomerRegistrationId, &crid(name));
            let sealed_email = sealed("record", Purpose::Email, &email(name));
            for path in [
                format!("/User/{}/0", percent_encoded(&crid(name))),
                format!("/User/0?email={}", email(name)),
                format!("/User?request.email={}", email(name)),
                format!("/User/Encrypted/0?encryptedCustomerRegistrationId={sealed_id}"),
                format!("/User/Encrypted?encryptedEmail={sealed_email}"),
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
