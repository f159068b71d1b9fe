//! A bare hyper server that answers every request with the same bytes: what HTTP itself costs.

use std::convert::Infallible;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::child::ChildGuard;
use crate::shell::TaskResult;

/// Prints its address, then serves until the standard input ends.
pub(super) fn serve(body: &Path) -> TaskResult {
    let body = Bytes::from(fs::read(body)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        println!("{}", listener.local_addr()?);
        tokio::spawn(accept(listener, body));
        // The input ends with the process that started this one.
        tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
        Ok(())
    })
}

async fn accept(listener: TcpListener, body: Bytes) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(body.clone()));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Such a server in a process of its own, which ends when this value is dropped.
pub(super) struct BareHyper {
    child: ChildGuard,
    _input: Option<ChildStdin>,
    pub(super) address: String,
}

impl BareHyper {
    /// Starts a server that answers with these bytes, which are written to `file`.
    pub(super) fn start(file: &Path, body: &[u8]) -> TaskResult<Self> {
        fs::write(file, body)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "hyper"]).arg(file);
        let mut child = ChildGuard::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("a child without output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self {
            child,
            _input: input,
            address: address.trim().to_owned(),
        })
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }
}
