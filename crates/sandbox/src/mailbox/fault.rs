//! The ways in which the mailbox fails.

use serde::{Deserialize, Serialize};

/// A step of an SMTP session, by the command that begins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpStage {
    /// The connection, before any command.
    Greeting,
    /// `EHLO`
    Hello,
    /// `AUTH`
    Auth,
    /// `MAIL FROM`
    Sender,
    /// `RCPT TO`
    Recipient,
    /// `DATA`
    Data,
    /// The end of the message.
    Message,
    /// `NOOP`
    Noop,
}

/// What happens in place of the usual reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "fault")]
pub enum SmtpFault {
    /// Another reply, whose text repeats what the client sent, as real servers do.
    Reply {
        /// The code, such as 450 or 550.
        code: u16,
    },
    /// The connection is closed without a reply. A message is kept nevertheless, so that the client cannot know.
    Close,
    /// The usual reply, but late.
    Delay {
        /// The delay in milliseconds.
        ms: u64,
    },
}

/// A fault, where it happens, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpFaultRule {
    /// The fault.
    #[serde(flatten)]
    pub fault: SmtpFault,
    /// Where it happens.
    pub stage: SmtpStage,
    /// How often; without a number until it is removed.
    pub times: Option<u32>,
}

impl SmtpFault {
    /// This fault at a stage, until it is removed.
    #[must_use]
    pub const fn at(self, stage: SmtpStage) -> SmtpFaultRule {
        SmtpFaultRule {
            fault: self,
            stage,
            times: None,
        }
    }
}

impl SmtpFaultRule {
    /// The same fault, so many times.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}
