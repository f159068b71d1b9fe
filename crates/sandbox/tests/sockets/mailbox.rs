//! The mailbox from the outside: its SMTP dialogue, its page and its JSON.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use masthead_sandbox::{Mailbox, MailboxConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MESSAGE: &str = "MAIL FROM:<no-reply@herald.example> BODY=8BITMIME\r\nRCPT TO:<ann@example.com>\r\nRCPT TO:<bo@example.com>\r\nDATA\r\n\
    Subject: <script>alert(1)</script>\r\nFrom: Herald <no-reply@herald.example>\r\nTo: ann@example.com\r\nContent-Type: \
    multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n..dot\r\nhttps://herald.example/?a=1&b=2 \
    <i>\r\n--x\r\nContent-Type: text/html\r\n\r\n<script>alert(2)</script><p>Hello</p>\r\n--x--\r\n.\r\n";

/// Sends all commands at once, and returns the replies until the server closes.
async fn dialogue(address: SocketAddr, commands: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(commands.as_bytes()).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    replies.lines().map(str::to_owned).collect()
}

async fn call(method: &str, url: String, body: &str) -> (u16, http::HeaderMap, String) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(url);
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        head.status.as_u16(),
        head.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn pipelined_dialogue_keeps_the_message() {
    let mailbox = Mailbox::start(MailboxConfig::default()).await.unwrap();
    let replies = dialogue(
        mailbox.smtp_address(),
        &format!("DATA\r\nEHLO me\r\nRCPT TO:<x@y.example>\r\nnonsense\r\n{MESSAGE}VRFY x\r\nQUIT\r\n"),
    )
    .await;
    let codes: Vec<&str> = replies
        .iter()
        .filter(|line| line.as_bytes()[3] == b' ')
        .map(|line| &line[..3])
        .collect();
    assert_eq!(
        codes,
        [
            "220", "503", "250", "503", "500", "250", "250", "250", "354", "250", "502", "221"
        ],
        "{replies:?}"
    );
    let mail = mailbox.messages().remove(0);
    assert_eq!(mail.envelope_to, ["ann@example.com", "bo@example.com"]);
    assert!(mail.text.starts_with(".dot"), "{}", mail.text);
}

#[tokio::test]
async fn oversized_message_is_refused() {
    let mailbox = Mailbox::start(MailboxConfig::default()).await.unwrap();
    let long = MESSAGE.replace("..dot", &"long line\r\n".repeat(120_000));
    let replies = dialogue(mailbox.smtp_address(), &format!("EHLO me\r\n{long}{MESSAGE}QUIT\r\n")).await;
    assert_eq!(
        replies.iter().filter(|line| line.starts_with("552 ")).count(),
        1,
        "{replies:?}"
    );
    assert_eq!(mailbox.messages().len(), 1);
}

#[tokio::test]
async fn page_escapes_what_it_shows_and_allows_no_scripts() {
    let mailbox = Mailbox::start(MailboxConfig::default()).await.unwrap();
    dialogue(mailbox.smtp_address(), &format!("EHLO me\r\n{MESSAGE}QUIT\r\n")).await;
    let page = |path: &str| call("GET", format!("{}{path}", mailbox.page_url()), "");
    for path in ["", "messages/1"] {
        let (status, headers, body) = page(path).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(status == 200 && policy.starts_with("default-src 'none';") && !policy.contains("script-src"));
        assert!(
            body.contains("&lt;script&gt;alert(1)") && !body.contains("<script>"),
            "{body}"
        );
    }
    let (_, _, body) = page("messages/1").await;
    assert!(body.contains("<iframe sandbox src=\"/messages/1/html\""), "{body}");
    assert!(
        body.contains("href=\"https:&#x2f;&#x2f;herald.example&#x2f;?a=1&amp;b=2\""),
        "{body}"
    );
    let (status, headers, body) = page("messages/1/html").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        status == 200 && policy.starts_with("sandbox; default-src 'none';"),
        "{policy}"
    );
    assert!(body.contains("<p>Hello</p>"));
    assert_eq!(
        page("messages/1/raw").await.1["content-type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(page("messages/2").await.0, 404);
}

#[tokio::test]
async fn messages_and_faults_are_json() {
    let mailbox = Mailbox::start(MailboxConfig::default()).await.unwrap();
    let url = |path: &str| format!("{}{path}", mailbox.page_url());
    let fault = json!({"stage": "recipient", "fault": "reply", "code": 450, "times": 1}).to_string();
    assert_eq!(call("POST", url("faults"), &fault).await.0, 204);
    assert_eq!(call("POST", url("faults"), "{}").await.0, 400);
    let replies = dialogue(mailbox.smtp_address(), &format!("EHLO me\r\n{MESSAGE}QUIT\r\n")).await;
    assert!(
        replies
            .iter()
            .any(|line| line.starts_with("450 ") && line.contains("ann@example.com")),
        "{replies:?}"
    );
    let messages: Value = serde_json::from_str(&call("GET", url("messages"), "").await.2).unwrap();
    assert_eq!(messages[0]["envelopeTo"], json!(["bo@example.com"]));
    assert_eq!(messages[0]["links"], json!(["https://herald.example/?a=1&b=2"]));
    assert_eq!(call("POST", url("clear"), "").await.0, 303);
    assert!(mailbox.messages().is_empty());
}
