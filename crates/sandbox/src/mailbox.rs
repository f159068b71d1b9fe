//! A mailbox for development and tests: receives all mail over SMTP, and shows it on a page and as JSON.

mod config;
mod fault;
mod page;
mod received;
mod smtp_session;
mod state;

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;

pub use config::MailboxConfig;
pub use fault::{SmtpFault, SmtpFaultRule, SmtpStage};
pub use received::ReceivedMail;

use crate::listener::{BoundListener, Outage, RunningListener};
use page::MailboxPage;
use smtp_session::SmtpServer;
use state::MailboxState;

/// A running mailbox; dropping it closes its sockets.
///
/// ```
/// # async fn example() -> std::io::Result<()> {
/// use masthead_sandbox::{Mailbox, MailboxConfig, SmtpFault, SmtpStage};
///
/// let mailbox = Mailbox::start(MailboxConfig::default()).await?;
/// mailbox.inject(SmtpFault::Reply { code: 450 }.at(SmtpStage::Recipient).times(1));
/// // … let the code under test send to mailbox.smtp_address() …
/// assert!(mailbox.messages().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mailbox {
    state: Arc<MailboxState>,
    smtp_address: SocketAddr,
    page_url: String,
    smtp: RunningListener,
    _page: RunningListener,
}

impl Mailbox {
    /// Starts listening; needs a Tokio runtime with network and time.
    ///
    /// # Errors
    /// When an address is in use or is no loopback address.
    #[expect(
        clippy::unused_async,
        reason = "must be called on a runtime, which the listening tasks need"
    )]
    pub async fn start(config: MailboxConfig) -> Result<Self> {
        let (smtp, page) = (BoundListener::bind(config.smtp)?, BoundListener::bind(config.page)?);
        let (smtp_address, page_url) = (smtp.address(), page.url());
        let state = Arc::new(MailboxState::default());
        let smtp = smtp.run(Arc::new(SmtpServer::new(Arc::clone(&state), config)));
        let page = page.run(Arc::new(MailboxPage::new(Arc::clone(&state))?));
        Ok(Self {
            state,
            smtp_address,
            page_url,
            smtp,
            _page: page,
        })
    }

    /// The SMTP address.
    #[must_use]
    pub const fn smtp_address(&self) -> SocketAddr {
        self.smtp_address
    }

    /// The address of the page, `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// The newest messages (200 at most), oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<ReceivedMail> {
        self.state.messages()
    }

    /// Drops all messages.
    pub fn clear(&self) {
        self.state.clear();
    }

    /// Injects a fault into the sessions from now on.
    pub fn inject(&self, fault: SmtpFaultRule) {
        self.state.add_fault(fault);
    }

    /// Removes all faults (an outage stays).
    pub fn clear_faults(&self) {
        self.state.clear_faults();
    }

    /// The number of SMTP connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.connections()
    }

    /// Puts the SMTP server out of reach in this way, or back in reach; connections are reset.
    ///
    /// # Errors
    /// When the mailbox has stopped or the address cannot be bound again.
    pub async fn set_outage(&self, outage: Option<Outage>) -> Result<()> {
        self.smtp.switch().set(outage).await
    }
}
