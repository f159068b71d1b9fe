//! The messages and faults of a mailbox.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{SmtpFault, SmtpFaultRule, SmtpStage};
use super::received::{MailEnvelope, ReceivedMail};
use crate::clock::SandboxClock;

/// The number of messages that are kept.
const KEPT: usize = 200;

/// The number of faults that wait.
const MAX_FAULTS: usize = 100;

/// The messages and faults of a mailbox.
#[derive(Debug, Default)]
pub(super) struct MailboxState {
    pub(super) clock: SandboxClock,
    contents: Mutex<MailboxContents>,
}

#[derive(Debug, Default)]
struct MailboxContents {
    received: u64,
    connections: u64,
    messages: VecDeque<ReceivedMail>,
    faults: Vec<SmtpFaultRule>,
}

impl MailboxState {
    fn contents(&self) -> MutexGuard<'_, MailboxContents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_connection(&self) {
        self.contents().connections += 1;
    }

    pub(super) fn connections(&self) -> u64 {
        self.contents().connections
    }

    pub(super) fn add(&self, envelope: MailEnvelope, user: Option<String>, raw: &[u8]) {
        let now = self.clock.now();
        let mut contents = self.contents();
        contents.received += 1;
        if contents.messages.len() == KEPT {
            contents.messages.pop_front();
        }
        let mail = ReceivedMail::parse(contents.received, now, envelope, user, raw);
        contents.messages.push_back(mail);
    }

    pub(super) fn messages(&self) -> Vec<ReceivedMail> {
        self.contents().messages.iter().cloned().collect()
    }

    pub(super) fn message(&self, number: u64) -> Option<ReceivedMail> {
        let contents = self.contents();
        contents.messages.iter().find(|mail| mail.number == number).cloned()
    }

    pub(super) fn clear(&self) {
        self.contents().messages.clear();
    }

    pub(super) fn add_fault(&self, fault: SmtpFaultRule) {
        let mut contents = self.contents();
        if contents.faults.len() < MAX_FAULTS {
            contents.faults.push(fault);
        }
    }

    pub(super) fn clear_faults(&self) {
        self.contents().faults.clear();
    }

    /// The first fault of this stage; it is used once more.
    pub(super) fn take_fault(&self, stage: SmtpStage) -> Option<SmtpFault> {
        let mut contents = self.contents();
        let at = contents.faults.iter().position(|rule| rule.stage == stage)?;
        let rule = &mut contents.faults[at];
        let fault = rule.fault;
        rule.times = rule.times.map(|times| times.saturating_sub(1));
        if rule.times == Some(0) {
            contents.faults.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_messages_are_kept() {
        let state = MailboxState::default();
        for _ in 0..KEPT + 3 {
            state.add(MailEnvelope::default(), None, b"");
        }
        let messages = state.messages();
        assert_eq!((messages.len(), messages[0].number), (KEPT, 4));
        assert!(state.message(3).is_none() && state.message(4).is_some());
        state.clear();
        assert!(state.messages().is_empty());
    }

    #[test]
    fn fault_happens_as_often_as_it_states() {
        let state = MailboxState::default();
        state.add_fault(SmtpFault::Close.at(SmtpStage::Data).times(2));
        assert_eq!(state.take_fault(SmtpStage::Hello), None);
        let taken = [(); 3].map(|()| state.take_fault(SmtpStage::Data).is_some());
        assert_eq!(taken, [true, true, false]);
        state.add_fault(SmtpFault::Close.at(SmtpStage::Data));
        assert!((0..5).all(|_| state.take_fault(SmtpStage::Data).is_some()));
    }
}
