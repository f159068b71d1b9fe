//! The downloader where its source cannot be reached.
#![cfg(feature = "download")]
#![expect(clippy::unwrap_used, reason = "helpers of tests unwrap")]

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs the downloader with a proxy at this port, and returns what it prints.
fn download_through(port: u16, seconds: &str) -> String {
    let folder = std::env::temp_dir().join(format!("masthead-download-{port}"));
    let output = Command::new(env!("CARGO_BIN_EXE_postgres-download"))
        .args(["17.5.0", seconds])
        .arg(&folder)
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{port}"))
        .output()
        .unwrap();
    assert!(!output.status.success() && !folder.exists());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn silent_network_ends_at_the_time_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begun = Instant::now();
    let output = download_through(silent.local_addr().unwrap().port(), "2");
    assert!(output.ends_with("not complete within 2 s\n"), "{output}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn refused_connection_is_reported() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let output = download_through(closed.port(), "60");
    assert!(output.starts_with("PostgreSQL 17.5.0 from https://"), "{output}");
    assert!(!output.contains("not complete"), "{output}");
    assert!(begun.elapsed() < Duration::from_mins(1));
}
