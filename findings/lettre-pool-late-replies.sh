#!/usr/bin/env bash
# Software: crate lettre 0.11.23 (features builder, pool, smtp-transport, tokio1), tokio 1.54.1.
#
# Guess: `AsyncSmtpTransport::builder_dangerous(…).timeout(Some(…))` limits each command ("A 60-seconds timeout for smtp commands"), and
# dropping the future of `send`, as `tokio::time::timeout` does, closes its connection.
#
# Seen:
#   1. On tokio the time limit is one for connecting: a server that accepts and then never greets is waited for without end.
#   2. A connection whose future was dropped goes back to the pool, with a reply outstanding. The next mail takes the late reply for the
#      answer to its NOOP, and so on: its last command is answered by 354, the reply to DATA, which counts as positive. The mail that
#      the server refuses with 554 is reported as sent.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2024"
[dependencies]
lettre = { version = "=0.11.23", default-features = false, features = ["builder", "pool", "smtp-transport", "tokio1"] }
tokio = { version = "=1.54.1", features = ["io-util", "macros", "net", "rt", "time"] }
TOML
cat > src/main.rs <<'RS'
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, message::header::ContentType};
use std::time::Duration;
use tokio::{io::{AsyncBufReadExt, AsyncWriteExt, BufReader}, net::{TcpListener, TcpStream}, time::{sleep, timeout}};

const PATIENCE: Duration = Duration::from_millis(500);

/// Replies to the first message late, and refuses the second one.
async fn serve(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await.unwrap();
    let (mut line, mut messages) = (String::new(), 0);
    while { line.clear(); stream.read_line(&mut line).await.unwrap_or(0) > 0 } {
        let reply = match line.trim_end() {
            "DATA" => "354 go on",
            "." => {
                messages += 1;
                if messages == 1 { sleep(2 * PATIENCE).await; "250 kept" } else { "554 refused" }
            }
            command if ["EHLO", "MAIL", "RCPT", "NOOP"].iter().any(|name| command.starts_with(name)) => "250 OK",
            _ => continue,
        };
        if stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() { return }
    }
}

fn message() -> Message {
    let message = Message::builder().from("a@a.example".parse().unwrap()).to("b@b.example".parse().unwrap());
    message.header(ContentType::TEXT_PLAIN).body("x".to_owned()).unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let transport = |port| {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1");
        builder.port(port).timeout(Some(PATIENCE)).build::<Tokio1Executor>()
    };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailer = transport(silent.local_addr().unwrap().port());
    let waiting = timeout(4 * PATIENCE, mailer.send(message())).await.is_err();
    println!("a silent server, after four times the limit: {}", if waiting { "still waiting" } else { "ended" });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailer = transport(listener.local_addr().unwrap().port());
    tokio::spawn(async move { while let Ok((stream, _)) = listener.accept().await { tokio::spawn(serve(stream)); } });
    println!("first mail, kept late: {}", if timeout(PATIENCE, mailer.send(message())).await.is_err() { "not waited for" } else { "answered" });
    sleep(2 * PATIENCE).await;
    match mailer.send(message()).await {
        Ok(reply) => println!("second mail, refused with 554: sent, by reply {}", reply.code()),
        Err(error) => println!("second mail, refused with 554: {error}"),
    }
}
RS
cat > expected <<'TXT'
a silent server, after four times the limit: still waiting
first mail, kept late: not waited for
second mail, refused with 554: sent, by reply 354
TXT
cargo run --quiet | tee seen
diff expected seen
