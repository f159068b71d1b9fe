//! A simulated provider behind its address: records each call, applies faults, and responds.

use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::clock::SandboxClock;
use crate::fault::delivery::{self, AfterResponse};
use crate::fault::queue::FaultQueue;
use crate::fault::rule::Fault;
use crate::http::request::{WireRequest, read_request};
use crate::http::response::StubResponse;
use crate::listener::ConnectionHandler;
use crate::request_log::RequestLog;
use crate::stub::ControlledStub;

/// The longest request body (Auth0 documents 1 MB).
const BODY_LIMIT: usize = 1024 * 1024;

/// A simulated provider with its faults and its log.
#[derive(Debug)]
pub(crate) struct StubServer {
    pub(crate) clock: Arc<SandboxClock>,
    pub(crate) stub: Arc<dyn ControlledStub>,
    faults: Mutex<FaultQueue>,
    log: Mutex<RequestLog>,
}

impl StubServer {
    pub(crate) fn new(stub: Arc<dyn ControlledStub>, clock: Arc<SandboxClock>) -> Self {
        Self {
            clock,
            stub,
            faults: Mutex::default(),
            log: Mutex::default(),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultQueue> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops faults and logged calls, and restores the stub's initial state.
    pub(crate) fn reset(&self) {
        self.faults().clear();
        self.log().clear();
        self.clock.reset();
        self.stub.reset();
    }

    async fn answer_call(&self, stream: &mut TcpStream, request: &WireRequest) -> Result<AfterResponse> {
        let number = self.log().record(request);
        let _in_progress = CallInProgress(self);
        let faults = self.faults().take_for(request);
        if faults.latency_ms > 0 {
            sleep(Duration::from_millis(faults.latency_ms)).await;
        }
        let response = self.stub.respond(request, faults.fault.as_ref());
        let sends_status = faults.fault.as_ref().is_none_or(Fault::sends_status);
        let is_faulty = faults.fault.is_some() || faults.latency_ms > 0;
        self.log().set_status(
            number,
            sends_status.then_some(sent_status(&response, faults.fault.as_ref())),
            is_faulty,
        );
        let now = self.clock.now();
        match faults.fault {
            None => delivery::send(stream, &response, request.close, now).await,
            Some(fault) => delivery::send_with_fault(stream, &fault, response, now).await,
        }
    }
}

/// The status that the client receives.
const fn sent_status(response: &StubResponse, fault: Option<&Fault>) -> u16 {
    match fault {
        Some(Fault::StatusAfterCall { status }) => *status,
        _ => response.status,
    }
}

/// Counts a call as in progress until it ends, also when its connection is cut.
struct CallInProgress<'a>(&'a StubServer);

impl Drop for CallInProgress<'_> {
    fn drop(&mut self) {
        self.0.log().end_call();
    }
}

impl ConnectionHandler for StubServer {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        let mut unread = Vec::new();
        while let Some(request) = read_request(stream, &mut unread, BODY_LIMIT).await? {
            if self.answer_call(stream, &request).await? == AfterResponse::Close {
                break;
            }
        }
        Ok(())
    }
}
