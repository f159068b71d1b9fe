//! Exports that are refused before any lookup.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::json;

use super::{ExportServer, identifiers, is_error};
use crate::support::raw_http::FOREVER;

const MALFORMED: &str = r#""message":"Could not decode the request body. The JSON was incorrect or not encoded as UTF-8.","type":"Malformed JSON""#;

#[test]
fn other_media_type_is_415() {
    let exports = ExportServer::start();
    let call = exports.call("herald", &identifiers("customer_id", &["2937"]));
    let error = r#""message":"Unsupported Media Type","type":"MediaTypeError""#;
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "",
    ] {
        is_error(&exports.send(&call.clone().with("Content-Type", other)), 415, error);
    }
    is_error(&exports.send(&call.clone().without("Content-Type")), 415, error);
    for good in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(
            exports.send(&call.clone().with("Content-Type", good)).status,
            200,
            "{good}"
        );
    }
}

#[test]
fn malformed_json_is_400() {
    let exports = ExportServer::start();
    let one = r#"[{"identifier_type":"id","identifier":"7"}]"#;
    let deep = "[".repeat(100_000);
    for body in [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        "{".to_owned(),
        format!(r#"{{"identifiers":{one}"#),
        format!(r#"{{"identifiers":{one}}} x"#),
        format!("\u{feff}{{\"identifiers\":{one}}}"),
        format!(r#"{{"identifiers":{one},"identifiers":{one}}}"#),
        format!(r#"{{"data":{{}},"data":{{"identifiers":{one}}}}}"#),
        format!(r#"{{"identifiers":{one},"data":{{"identifiers":{one}}}}}"#),
        format!(r#"{{"user_fields_to_export":[],"identifiers":{one},"user_fields_to_export":[]}}"#),
        format!("[null,{one},null]"),
        deep.clone(),
        format!(r#"{{"identifiers":{deep}"#),
        format!(r#"{{"a":{deep}"#),
        "{\"a\":".repeat(20_000),
    ] {
        let shown: String = body.chars().take(60).collect();
        let answer = exports.send(&exports.call("herald", &json!({})).with_body(&body));
        assert_eq!(answer.status, 400, "{shown}: {}", answer.body);
        is_error(&answer, 400, MALFORMED);
    }
    for identifier in [
        r#"{"identifier_type":"id","identifier":"7","identifier":"8"}"#.to_owned(),
        format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
    ] {
        let body = format!(r#"{{"identifiers":[{identifier}]}}"#);
        let answer = exports.send(&exports.call("herald", &json!({})).with_body(&body));
        let error = r#""attribute":"identifiers[0]","message":"identifiers[0] must be an object with the texts identifier_type and identifier, each once","type":"InvalidAttributeError""#;
        is_error(&answer, 400, error);
    }
    assert_eq!(
        exports
            .send(&exports.call("herald", &identifiers("customer_id", &["2937"])))
            .status,
        200
    );
}

/// Sends this call's head, with this length, and these bytes of its body on a new connection.
fn send_raw(exports: &ExportServer, length: u64, body: &[u8]) -> TcpStream {
    let call = exports.call("herald", &json!({}));
    let mut stream = TcpStream::connect(exports.server.address).unwrap();
    stream.set_read_timeout(Some(FOREVER)).unwrap();
    let mut head = format!("POST {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n", call.target);
    for (name, value) in &call.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    write!(stream, "{head}content-length: {length}\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    stream
}

#[test]
fn body_must_be_utf8() {
    let exports = ExportServer::start();
    for bad in [
        &b"{\"identifiers\":[{\"identifier_type\":\"id\",\"identifier\":\"\xff\"}]}"[..],
        b"{\"a\":\"\xc3(\"}",
    ] {
        let mut answer = String::new();
        send_raw(&exports, bad.len() as u64, bad)
            .read_to_string(&mut answer)
            .unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains(MALFORMED),
            "{answer}"
        );
    }
}

#[test]
fn announced_giant_body_is_413_at_once() {
    let exports = ExportServer::start();
    let mut answer = [0; 12];
    send_raw(&exports, 10_000_000_000, b"").read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
