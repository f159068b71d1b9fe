//! Signals: reloads, the log, the delay before the drain, and what must not end a server.

use std::fs;

use super::{Folder, TENANT, free_address, get_as, loaded, ready, until, with};
use crate::support::{
    http_client,
    process::{self, ServerProcess, setting},
};

#[test]
fn hangup_reloads_what_may_change() {
    let (_database, mut settings) = loaded();
    let folder = Folder::new("reload");
    let file = folder.write("masthead.toml", "");
    settings.push(("MASTHEAD_CONFIG".to_owned(), file));
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    let read = || get_as(server.address, "/v4/Users/crid-1", &token).status;
    let access_lines = || server.log().matches(r#""target":"masthead::access""#).count();
    let reloads = |outcome: &str| {
        let metrics = http_client::get(server.address, "/metrics").body;
        metrics.contains(&format!("masthead_reloads_total{{outcome=\"{outcome}\"}}"))
    };
    assert_eq!(read(), 200);
    until("the access line", || access_lines() == 1);

    folder.write(
        "masthead.toml",
        "[http]\nmax_connections = 7\n[log]\nlevel = \"info,masthead::access=off\"\n",
    );
    server.signal("HUP");
    until("reloaded", || server.log().contains("the settings are reloaded"));
    assert!(
        server
            .log()
            .contains(r#""message":"changed settings need a restart","settings":"http.max_connections""#)
    );
    assert_eq!(read(), 200);

    // Both errors are logged, nothing changes, and no value is shown.
    folder.write(
        "masthead.toml",
        "[http]\nmax_connections = \"seagull\"\n[log]\nlevel = \"debug\"\nformat = \"seagull\"\n",
    );
    server.signal("HUP");
    until("refused", || server.log().contains("the settings are invalid"));
    let log = server.log();
    assert!(
        log.contains("http.max_connections") && log.contains("log.format") && !log.contains("seagull"),
        "{log}"
    );
    assert!(reloads("reloaded") && reloads("invalid"));

    folder.write("masthead.toml", "");
    server.signal("HUP");
    until("reloaded", || {
        server.log().matches("the settings are reloaded").count() == 2
    });
    assert_eq!(access_lines(), 1, "the lines were off");
    assert_eq!(read(), 200);
    until("the access line", || access_lines() == 2);
    server.stop();
}

#[test]
fn log_file_is_opened_again_after_a_rotation() {
    let (_database, settings) = loaded();
    let folder = Folder::new("log-file");
    let path = folder.write("masthead.log", "");
    let settings = with(&settings, "LOG__FILE", &path);
    let address = free_address();
    let settings = with(&settings, "HTTP__LISTEN", &address.to_string());
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start_at(&settings, address);
    let read = || get_as(address, "/v4/Users/crid-1", &token).status;
    until("serving", || {
        folder.read("masthead.log").contains(r#""message":"serving""#)
    });
    for (signal, rotated) in [("USR1", "one"), ("HUP", "two")] {
        fs::rename(&path, folder.0.join(rotated)).unwrap();
        server.signal(signal);
        until("a new file", || fs::exists(&path).unwrap());
        assert_eq!(read(), 200);
        until("the access line", || {
            folder.read("masthead.log").contains("masthead::access")
        });
        assert!(!folder.read(rotated).contains("masthead::access") || rotated == "two");
    }
    assert!(folder.read("one").contains(r#""message":"serving""#));
    server.stop();
    assert!(folder.read("masthead.log").contains("drained"));
}

#[test]
fn drain_delay_serves_while_it_is_not_ready() {
    let (_database, settings) = loaded();
    let settings = with(&settings, "HTTP__DRAIN_DELAY", "3s");
    let token = process::run_ok(&settings, &["token", "--tenant", TENANT], "");
    let server = ServerProcess::start(&settings);
    until("ready", || ready(server.address).0 == 200);
    server.signal("TERM");
    until("draining", || ready(server.address).0 == 503);
    // New connections are still accepted, and none of these signals cuts the drain.
    for signal in ["HUP", "USR1", "USR2", "HUP"] {
        server.signal(signal);
        let found = get_as(server.address, "/v4/Users/crid-1", &token);
        assert_eq!(found.status, 200, "{}", found.body);
    }
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("drained"), "{log}");
}

#[test]
fn second_signal_ends_the_drain_delay() {
    let (_database, settings) = loaded();
    let server = ServerProcess::start(&with(&settings, "HTTP__DRAIN_DELAY", "1h"));
    server.signal("TERM");
    until("draining", || ready(server.address).0 == 503);
    server.signal("TERM");
    let (code, log) = server.wait();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("second SIGTERM"), "{log}");
}

#[test]
fn crash_leaves_no_core_dump() {
    let settings = process::settings("postgres://nobody@127.0.0.1:1/nowhere");
    let server = ServerProcess::start_with_core_dumps(&[settings, vec![setting("LOG__LEVEL", "info")]].concat());
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let values: Vec<&str> = cores.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"], "{cores}");
    server.stop();
}
