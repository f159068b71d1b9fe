//! An audit log in memory.

use std::sync::{Mutex, PoisonError};

use masthead_domain::event::Event;
use masthead_ports::events::{EventLostError, ReadEvents};

/// Records every event, in order.
#[derive(Debug, Default)]
pub struct RecordingEvents(Mutex<Vec<Event>>);

impl RecordingEvents {
    /// The events since the last call.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReadEvents for RecordingEvents {
    fn record(&self, event: Event) -> Result<(), EventLostError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }
}
