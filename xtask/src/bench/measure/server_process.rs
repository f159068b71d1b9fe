//! A measured HTTP server in a process of its own: started, waited for, and stopped.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::http::BlockingClient;
use crate::child::ChildGuard;
use crate::shell::TaskResult;

/// How long starting and draining may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; it is killed when dropped without [`ServerProcess::stop`].
pub(super) struct ServerProcess {
    child: ChildGuard,
    /// Host and port.
    pub(super) address: String,
    log: PathBuf,
}

/// An address of this machine on which no program listens.
pub(super) fn free_address() -> TaskResult<String> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(format!("127.0.0.1:{port}"))
}

impl ServerProcess {
    /// Starts it with its output in `log`, and waits until it answers `ready_target` with 200.
    pub(super) fn start(command: &mut Command, address: String, ready_target: &str, log: &Path) -> TaskResult<Self> {
        File::create(log)?;
        let log_file = OpenOptions::new().append(true).open(log)?;
        command.stdout(log_file.try_clone()?).stderr(log_file);
        let mut server = Self {
            child: ChildGuard::start(command)?,
            address,
            log: log.to_owned(),
        };
        server.wait_until_ready(ready_target)?;
        Ok(server)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, target: &str) -> TaskResult {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended early ({status}); see {}", self.log.display()).into());
            }
            let reply = BlockingClient::connect(&self.address).and_then(|mut client| client.get(target, &Vec::new()));
            if reply.is_ok_and(|reply| reply.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the server was not ready in time; see {}", self.log.display()).into())
    }

    /// Counts the logged lines and empties the log.
    pub(super) fn take_log(&self) -> TaskResult<u64> {
        let lines = BufReader::with_capacity(1 << 20, File::open(&self.log)?)
            .split(b'\n')
            .count();
        // The server appends, so that it continues at the new end.
        OpenOptions::new().write(true).open(&self.log)?.set_len(0)?;
        Ok(lines.try_into()?)
    }

    /// Stops the server in an orderly way and waits for its end.
    pub(super) fn stop(mut self) -> TaskResult {
        self.child.terminate()?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(format!("the server failed ({status}); see {}", self.log.display()).into());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        Err("the server did not drain in time".into())
    }
}
