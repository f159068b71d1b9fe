//! The page of a mailbox: the list, one message, its HTML in a frame without rights, and JSON for scripts.

use std::io::{Error, Result};
use std::sync::Arc;

use minijinja::{Environment, Value, context};
use serde_json::json;
use tokio::net::TcpStream;

use super::fault::SmtpFaultRule;
use super::received::ReceivedMail;
use super::state::MailboxState;
use crate::fault::delivery::{self, AfterResponse};
use crate::http::request::{WireRequest, read_request};
use crate::http::response::StubResponse;
use crate::listener::ConnectionHandler;

const BODY_LIMIT: usize = 64 * 1024;

/// The page has no scripts, and loads nothing but the frame.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A message may style itself, and nothing else.
const MAIL_POLICY: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// Shows the messages over HTTP.
#[derive(Debug)]
pub(super) struct MailboxPage {
    state: Arc<MailboxState>,
    templates: Environment<'static>,
}

impl ConnectionHandler for MailboxPage {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        let mut unread = Vec::new();
        while let Some(request) = read_request(stream, &mut unread, BODY_LIMIT).await? {
            let response = self.respond(&request)?;
            let now = self.state.clock.now();
            if delivery::send(stream, &response, request.close, now).await? == AfterResponse::Close {
                break;
            }
        }
        Ok(())
    }
}

impl MailboxPage {
    pub(super) fn new(state: Arc<MailboxState>) -> Result<Self> {
        let mut templates = Environment::new();
        for (name, text) in [
            ("layout.html", include_str!("layout.html")),
            ("list.html", include_str!("list.html")),
            ("message.html", include_str!("message.html")),
        ] {
            templates.add_template(name, text).map_err(Error::other)?;
        }
        Ok(Self { state, templates })
    }

    fn respond(&self, request: &WireRequest) -> Result<StubResponse> {
        let path: Vec<&str> = request.path().split('/').skip(1).collect();
        let response = match (request.method.as_str(), &*path) {
            ("GET", [""]) => {
                let mails = self.state.messages();
                let mails: Vec<Value> = mails.iter().rev().map(shown).collect();
                self.page("list.html", context! { mails })?
            }
            ("GET", ["messages"]) => StubResponse::json(200, &json!(self.state.messages())),
            ("DELETE", ["messages"]) => {
                self.state.clear();
                StubResponse::empty(204)
            }
            // The button of the page.
            ("POST", ["clear"]) => {
                self.state.clear();
                StubResponse::empty(303).with("location", "/")
            }
            ("POST", ["faults"]) => match serde_json::from_slice::<SmtpFaultRule>(&request.body) {
                Ok(rule) => {
                    self.state.add_fault(rule);
                    StubResponse::empty(204)
                }
                Err(error) => StubResponse::json(400, &json!({"error": error.to_string()})),
            },
            ("DELETE", ["faults"]) => {
                self.state.clear_faults();
                StubResponse::empty(204)
            }
            ("GET", ["messages", number, rest @ ..]) => {
                let mail = number.parse().ok().and_then(|number| self.state.message(number));
                match (mail, rest) {
                    (Some(mail), []) => self.page("message.html", context! { mail => shown(&mail) })?,
                    (Some(mail), ["html"]) => StubResponse::new(200, "text/html; charset=utf-8", mail.html)
                        .with("content-security-policy", MAIL_POLICY),
                    (Some(mail), ["raw"]) => StubResponse::new(200, "text/plain; charset=utf-8", mail.raw),
                    _ => StubResponse::html_error(404),
                }
            }
            _ => StubResponse::html_error(404),
        };
        let response = response.with("x-content-type-options", "nosniff");
        Ok(response.with("referrer-policy", "no-referrer"))
    }

    fn page(&self, template: &str, values: Value) -> Result<StubResponse> {
        let template = self.templates.get_template(template).map_err(Error::other)?;
        let body = template.render(values).map_err(Error::other)?;
        Ok(StubResponse::new(200, "text/html; charset=utf-8", body)
            .with("content-security-policy", PAGE_POLICY)
            .with("cache-control", "no-store"))
    }
}

/// What the templates show of a message.
fn shown(mail: &ReceivedMail) -> Value {
    let (hour, minute, second) = mail.received_at.to_hms();
    context! {
        number => mail.number,
        time => format!("{} {hour:02}:{minute:02}:{second:02}", mail.received_at.date()),
        from => &*mail.from,
        to => &*mail.to,
        envelope_to => mail.envelope_to.join(", "),
        subject => &*mail.subject,
        message_id => &*mail.message_id,
        text => &*mail.text,
        has_html => !mail.html.is_empty(),
        links => mail.links.clone(),
    }
}
