//! Why a caller is refused: in the log, and in the answer where it is safe.

use crate::{
    journeys::{get, headers},
    operators::pools::prepared,
    support::{
        process::{self, ServerProcess, setting},
        raw_http::RawConnection,
    },
};

const PATH: &str = "/v4/Users/1";

#[test]
fn reason_is_in_answer_and_log() {
    let (_database, mut settings) = prepared();
    process::run_ok(
        &settings,
        &["tenant", "set", "north/daily/herald", "Api.SourceSystems=CRM"],
        "",
    );
    settings.push(setting("LOG__LEVEL", "info"));
    let mint =
        |tenant: &str, scope: &str| process::run_ok(&settings, &["token", "--tenant", tenant, "--scope", scope], "");
    let good = mint("*/*/*", "users:read");
    let (elsewhere, exporter) = (mint("south/*/*", "users:read"), mint("*/*/*", "users:export"));
    let server = ServerProcess::start(&settings);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut wire = RawConnection::connect(server.address).await.unwrap();
        let mut other_system = headers(&good);
        other_system[1].1 = "APP".to_owned();
        let mut other_paper = headers(&good);
        other_paper[3].1 = "gone".to_owned();
        let cases = [
            (headers("no-token"), 401, "the token is malformed"),
            (headers(&elsewhere), 403, "does not grant this call for this tenant"),
            (
                headers(&exporter),
                403,
                "it has no scope users:read or users:search or users:list",
            ),
            // For the client a tenant that does not exist looks like one that is not granted.
            (other_paper, 403, "does not grant this call for this tenant"),
            (other_system, 401, "X-SourceSystem"),
        ];
        for (headers, status, part) in cases {
            let answer = get(&mut wire, PATH, &headers).await.unwrap();
            let text = answer.json()["message"]["text"].as_str().unwrap().to_owned();
            assert!(
                answer.status == status && text.contains(part),
                "{status} {part}: {} {text}",
                answer.status
            );
        }
        // In a loop, one reason does not fill the log.
        for _ in 0..50 {
            assert_eq!(get(&mut wire, PATH, &headers("x")).await.unwrap().status, 401);
        }
        wire.send(
            "POST /v1/customers/export?app_id=herald HTTP/1.1\r\nHost: x\r\nAuthorization: Basic aGVyYWxkOndyb25n\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        )
        .await
        .unwrap();
        assert_eq!(wire.read_response().await.unwrap().status, 401);
    });
    let log = server.stop();
    for reason in [
        "the token is malformed",
        "the token does not grant the tenant",
        "the token lacks the scope",
        "there is no such tenant",
        "the source system is not in Api.SourceSystems of the tenant",
        "no workspace has this name and key",
    ] {
        assert!(log.contains(reason), "{reason} is missing in:\n{log}");
    }
    let malformed = log
        .lines()
        .filter(|line| line.contains("the token is malformed"))
        .count();
    assert_eq!(malformed, 10, "{log}");
    assert!(!log.contains("no-token") && !log.contains(&good), "{log}");
}
