//! One stand-in behind its address: records each call, lets faults befall it, and answers.

use std::fmt::Debug;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::clock::SandboxClock;
use crate::fault::play::{self, After};
use crate::fault::{Fault, FaultBook};
use crate::record::Log;
use crate::server::gate::Desk;
use crate::server::reply::Reply;
use crate::server::request::{self, Request};

/// The longest body a provider takes (Auth0 documents 1 MB).
const BODY_LIMIT: usize = 1024 * 1024;

/// What a provider's stand-in knows; everything else is shared among them.
pub(crate) trait StandIn: Debug + Send + Sync {
    /// A call has come, and may wait before it is answered.
    fn enter(&self, _request: &Request) {}

    /// The right answer.
    fn answer(&self, request: &Request) -> Reply;

    /// The call is over, answered or not.
    fn leave(&self, _request: &Request) {}

    /// The answer as the provider's edge sends it to this caller.
    fn packed(&self, reply: Reply, request: &Request) -> Reply;

    /// The answer that a fault puts in the place of the right one; `None` when the fault needs the right one.
    fn instead(&self, fault: &Fault, request: &Request) -> Option<Reply>;

    /// The right answer with its meaning spoilt; as it is when the fault is one of bytes.
    fn tampered(&self, fault: &Fault, reply: Reply) -> Reply;

    /// Back to what it was when it started.
    fn reset(&self);
}

/// What the control address reads and changes of a stand-in, whichever provider it stands in for.
pub(crate) trait Steered: StandIn {
    /// The provider's name, as `--provider` takes it.
    fn name(&self) -> &'static str;

    /// What `GET /state` tells of this provider alone: an object.
    fn state(&self) -> Value;

    /// Every user as the record is this moment.
    fn users(&self) -> Vec<Value>;

    fn user_count(&self) -> usize;

    /// Adds or replaces users; returns how many were taken.
    fn seed(&self, users: Vec<Value>) -> usize;

    /// Adds the first so many invented users.
    fn seed_samples(&self, count: usize) -> usize;

    fn clear_users(&self);

    fn settings(&self) -> Value;

    /// Sets the provider up anew; says why not when these are no settings.
    fn set_up(&self, settings: Value) -> std::result::Result<(), String>;

    /// Carries out a call that only this provider has; `None` when it has no such call.
    fn command(&self, request: &Request) -> Option<std::result::Result<Value, String>>;
}

/// A stand-in with its faults and its log.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) clock: Arc<SandboxClock>,
    pub(crate) stand_in: Arc<dyn Steered>,
    faults: Mutex<FaultBook>,
    log: Mutex<Log>,
}

impl Provider {
    pub(crate) fn new(stand_in: Arc<dyn Steered>, clock: Arc<SandboxClock>) -> Self {
        Self {
            clock,
            stand_in,
            faults: Mutex::default(),
            log: Mutex::default(),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultBook> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets faults and calls, and takes the stand-in back to its beginning.
    pub(crate) fn reset(&self) {
        self.faults().clear();
        self.log().clear();
        self.clock.reset();
        self.stand_in.reset();
    }

    async fn converse(&self, stream: &mut TcpStream, request: &Request) -> Result<After> {
        let number = self.log().note(request);
        self.stand_in.enter(request);
        let _under_way = UnderWay(self, request);
        let fate = self.faults().draw(request);
        if fate.latency_ms > 0 {
            sleep(Duration::from_millis(fate.latency_ms)).await;
        }
        let faulty = fate.fault.is_some() || fate.latency_ms > 0;
        let Some(fault) = fate.fault else {
            let reply = self.stand_in.packed(self.stand_in.answer(request), request);
            self.log().answered(number, Some(reply.status), faulty);
            return play::plainly(stream, &reply, request.close, self.clock.now()).await;
        };
        let reply = if fault.replaces() {
            self.stand_in
                .instead(&fault, request)
                .unwrap_or_else(|| Reply::empty(200))
        } else {
            self.stand_in.tampered(&fault, self.stand_in.answer(request))
        };
        let status = fault.answers().then_some(reply.status);
        self.log().answered(number, status, faulty);
        play::fault(stream, &fault, reply, self.clock.now()).await
    }
}

/// Counts a call as under way until it is over, also when its connection is cut.
struct UnderWay<'a>(&'a Provider, &'a Request);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.stand_in.leave(self.1);
        self.0.log().over();
    }
}

impl Desk for Provider {
    async fn serve(&self, stream: &mut TcpStream) -> Result<()> {
        let mut kept = Vec::new();
        while let Some(request) = request::read(stream, &mut kept, BODY_LIMIT).await? {
            if self.converse(stream, &request).await? == After::Close {
                break;
            }
        }
        Ok(())
    }
}
