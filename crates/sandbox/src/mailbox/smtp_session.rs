//! The receiving end of SMTP (RFC 5321), on one connection.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use smtp_proto::{AUTH_PLAIN, Error, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::config::MailboxConfig;
use super::fault::{SmtpFault, SmtpStage};
use super::received::MailEnvelope;
use super::state::MailboxState;
use crate::listener::ConnectionHandler;

/// The longest message, in bytes.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// The maximum number of recipients of a message.
const RECIPIENT_LIMIT: usize = 100;

/// Receives messages.
#[derive(Debug)]
pub(super) struct SmtpServer {
    state: Arc<MailboxState>,
    config: MailboxConfig,
}

impl SmtpServer {
    pub(super) fn new(state: Arc<MailboxState>, config: MailboxConfig) -> Self {
        Self { state, config }
    }

    /// The reply to EHLO.
    fn extensions(&self) -> String {
        let mut reply = format!("250-mailbox.sandbox\r\n250-SIZE {MESSAGE_LIMIT}\r\n");
        if self.config.accepts_utf8 {
            reply.push_str("250-SMTPUTF8\r\n");
        }
        if self.config.credentials.is_some() {
            reply.push_str("250-AUTH PLAIN\r\n");
        }
        reply.push_str("250 8BITMIME");
        reply
    }
}

impl ConnectionHandler for SmtpServer {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        self.state.count_connection();
        let mut session = Session {
            server: self,
            stream,
            envelope: None,
            user: None,
        };
        session.run().await
    }
}

/// Whether the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Command,
    Data,
    End,
}

/// One connection.
struct Session<'a> {
    server: &'a SmtpServer,
    stream: &'a mut TcpStream,
    /// Of the mail that has begun.
    envelope: Option<MailEnvelope>,
    user: Option<String>,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<()> {
        let mut next = self.reply(SmtpStage::Greeting, "220 mailbox.sandbox ESMTP", "").await?;
        let (mut requests, mut data) = (RequestReceiver::default(), DataReceiver::new());
        let (mut message, mut is_too_long) = (Vec::new(), false);
        let mut buffer = vec![0; 16 * 1024];
        while next != Next::End {
            let read = self.stream.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            let mut bytes = buffer[..read].iter();
            while next != Next::End {
                if next == Next::Data {
                    let is_complete = data.ingest(&mut bytes, &mut message);
                    if message.len() > MESSAGE_LIMIT {
                        (message, is_too_long) = (Vec::new(), true);
                    }
                    if !is_complete {
                        break;
                    }
                    next = self.receive(&std::mem::take(&mut message), is_too_long).await?;
                    (data, is_too_long) = (DataReceiver::new(), false);
                    continue;
                }
                let request = requests.ingest(&mut bytes).map(Request::into_owned);
                next = match request {
                    Ok(request) => self.answer(request).await?,
                    Err(Error::NeedsMoreData { .. }) => break,
                    Err(_) => self.write("500 5.5.2 Syntax error").await?,
                };
            }
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request<String>) -> Result<Next> {
        match request {
            Request::Ehlo { host } => {
                let lines = self.server.extensions();
                self.reply(SmtpStage::Hello, &lines, &host).await
            }
            Request::Helo { host } => self.reply(SmtpStage::Hello, "250 mailbox.sandbox", &host).await,
            Request::Auth {
                mechanism,
                initial_response,
            } => {
                let reply = self.authenticate(mechanism, &initial_response);
                self.reply(SmtpStage::Auth, reply, "").await
            }
            Request::Mail { from } => {
                let is_allowed = self.server.config.credentials.is_none() || self.user.is_some();
                let reply = match (is_allowed, &self.envelope) {
                    (false, _) => "530 5.7.0 Authentication required",
                    (true, Some(_)) => "503 5.5.1 A mail has begun already",
                    (true, None) => "250 2.1.0 OK",
                };
                let sender = from.address;
                let next = self.reply_if_taken(SmtpStage::Sender, reply, &sender).await?;
                if next.1 {
                    self.envelope = Some(MailEnvelope {
                        from: sender,
                        to: Vec::new(),
                    });
                }
                Ok(next.0)
            }
            Request::Rcpt { to } => {
                let reply = match &self.envelope {
                    None => "503 5.5.1 MAIL first",
                    Some(envelope) if envelope.to.len() == RECIPIENT_LIMIT => "452 4.5.3 Too many recipients",
                    Some(_) => "250 2.1.5 OK",
                };
                let next = self.reply_if_taken(SmtpStage::Recipient, reply, &to.address).await?;
                if let (true, Some(envelope)) = (next.1, &mut self.envelope) {
                    envelope.to.push(to.address);
                }
                Ok(next.0)
            }
            Request::Data => {
                let is_ready = self.envelope.as_ref().is_some_and(|envelope| !envelope.to.is_empty());
                let reply = if is_ready { "354 Go on" } else { "503 5.5.1 RCPT first" };
                let (next, is_taken) = self.reply_if_taken(SmtpStage::Data, reply, "").await?;
                Ok(if is_taken && next == Next::Command {
                    Next::Data
                } else {
                    next
                })
            }
            Request::Rset => {
                self.envelope = None;
                self.write("250 2.0.0 OK").await
            }
            Request::Noop { .. } => self.reply(SmtpStage::Noop, "250 2.0.0 OK", "").await,
            Request::Quit => {
                self.write("221 2.0.0 Bye").await?;
                Ok(Next::End)
            }
            _ => self.write("502 5.5.1 Not implemented").await,
        }
    }

    fn authenticate(&mut self, mechanism: u64, response: &str) -> &'static str {
        let Some((user, password)) = &self.server.config.credentials else {
            return "502 5.5.1 Not implemented";
        };
        if mechanism != AUTH_PLAIN {
            return "504 5.5.4 Unknown mechanism";
        }
        // RFC 4616: an identity to act as, the user and the password, with NULs between.
        let expected = format!("\0{user}\0{password}");
        if STANDARD
            .decode(response)
            .is_ok_and(|given| given == expected.as_bytes())
        {
            self.user = Some(user.clone());
            "235 2.7.0 Welcome"
        } else {
            "535 5.7.8 Wrong user or password"
        }
    }

    /// Takes a complete message, unless a fault refuses it.
    async fn receive(&mut self, message: &[u8], is_too_long: bool) -> Result<Next> {
        let envelope = self.envelope.take().unwrap_or_default();
        let fault = self.server.state.take_fault(SmtpStage::Message);
        let recipients = envelope.to.join(" ");
        if let Some(SmtpFault::Reply { code }) = fault {
            return self.write(&refusal(code, &recipients)).await;
        }
        if is_too_long {
            return self.write("552 5.3.4 Too long").await;
        }
        if let Some(SmtpFault::Delay { ms }) = fault {
            sleep(Duration::from_millis(ms)).await;
        }
        self.server.state.add(envelope, self.user.clone(), message);
        if fault == Some(SmtpFault::Close) {
            return Ok(Next::End);
        }
        self.write("250 2.0.0 Kept").await
    }

    async fn reply(&mut self, stage: SmtpStage, reply: &str, argument: &str) -> Result<Next> {
        Ok(self.reply_if_taken(stage, reply, argument).await?.0)
    }

    /// Replies, or does what a fault demands; true when the client was given a positive reply.
    async fn reply_if_taken(&mut self, stage: SmtpStage, reply: &str, argument: &str) -> Result<(Next, bool)> {
        let fault = self.server.state.take_fault(stage);
        match fault {
            Some(SmtpFault::Reply { code }) => return Ok((self.write(&refusal(code, argument)).await?, false)),
            Some(SmtpFault::Close) => return Ok((Next::End, false)),
            Some(SmtpFault::Delay { ms }) => sleep(Duration::from_millis(ms)).await,
            None => {}
        }
        let is_taken = reply.starts_with(['2', '3']);
        Ok((self.write(reply).await?, is_taken))
    }

    async fn write(&mut self, reply: &str) -> Result<Next> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        Ok(Next::Command)
    }
}

/// A reply that repeats the client's words, as real servers do.
fn refusal(code: u16, argument: &str) -> String {
    format!("{code} {}.0.0 <{argument}> refused by the sandbox", code / 100)
}
