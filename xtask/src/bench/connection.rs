//! One connection of the load: a request out, its answer in, each as far as the socket lets.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::answers::{self, Answer};
use super::requests::Drawing;
use crate::shell::Outcome;

/// What is said of a server that hangs up on us.
pub(super) const CLOSED: &str = "the server closed a connection before its answer was whole";

/// A connection that is kept open.
pub(super) struct Connection<'a> {
    stream: TcpStream,
    drawing: Drawing<'a>,
    /// How much of the request is written.
    written: usize,
    /// What has come of an answer that is not whole yet.
    begun: Vec<u8>,
    /// When the request was sent whose answer is awaited; `None` while there is none.
    pub(super) sent: Option<Instant>,
    /// How many requests were sent.
    pub(super) requests: u64,
    /// When its next request may be sent, where there is a pace.
    pub(super) due: Instant,
}

impl<'a> Connection<'a> {
    /// Connects within `patience`; the poll of this registry then tells, by its token, when there is something to do.
    pub(super) fn open(
        address: &str,
        patience: Duration,
        drawing: Drawing<'a>,
        registry: &Registry,
        token: Token,
    ) -> Outcome<Self> {
        let stream = std::net::TcpStream::connect_timeout(&address.parse()?, patience)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            drawing,
            written: 0,
            begun: Vec::new(),
            sent: None,
            requests: 0,
            due: Instant::now(),
        })
    }

    /// Sends the next request, at this moment.
    pub(super) fn send(&mut self, now: Instant) -> io::Result<()> {
        self.drawing.next();
        self.written = 0;
        self.sent = Some(now);
        self.requests += 1;
        self.write()
    }

    /// Writes what is left of the request. A small one goes out at once; what does not waits until the socket is writable.
    pub(super) fn write(&mut self) -> io::Result<()> {
        while self.written < self.drawing.request().len() {
            match self.stream.write(&self.drawing.request()[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the answer: once it is whole, it is at the beginning of `buffer`.
    ///
    /// # Errors
    /// When the server hangs up, or sends something else than one whole answer to one request.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Outcome<Option<Answer>> {
        let mut filled = self.begun.len();
        buffer[..filled].copy_from_slice(&self.begun);
        self.begun.clear();
        loop {
            let read = match self.stream.read(&mut buffer[filled..]) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.begun.extend_from_slice(&buffer[..filled]);
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            };
            if filled == buffer.len() {
                return Err("an answer is longer than what is kept of one".into());
            }
            if read == 0 {
                return Err(CLOSED.into());
            }
            filled += read;
            let answer = answers::parse(&buffer[..filled])?;
            // The poll tells of changes alone, so that what is there must be read until the socket is found empty. But not
            // after a whole answer: nothing more comes unasked, and what comes all the same is a change of its own.
            if let Some(answer) = answer
                && filled >= answer.whole
            {
                if filled > answer.whole || self.sent.is_none() {
                    return Err("the server sent more than one answer".into());
                }
                return Ok(Some(answer));
            }
        }
    }

    /// Whether a body answers the last request.
    pub(super) fn is_answered_by(&self, body: &[u8]) -> bool {
        self.drawing.is_answered_by(body)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream as Peer};
    use std::thread;

    use mio::event::Event;
    use mio::{Events, Poll};

    use super::super::people::{GROUPS, People};
    use super::super::requests::{By, Requests};
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    /// More than a stalled machine needs; no test waits for its end.
    const LONG: Duration = Duration::from_mins(1);

    fn requests() -> Requests {
        Requests::new(People { rows: 10_000 }, &vec!["t".to_owned(); GROUPS as usize])
    }

    /// A connection whose first request is under way, and its other end.
    fn opened(requests: &Requests) -> (Poll, Connection<'_>, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let poll = Poll::new().unwrap();
        let drawing = requests.draw(By::Email, 1);
        let mut connection = Connection::open(&address, LONG, drawing, poll.registry(), Token(0)).unwrap();
        connection.send(Instant::now()).unwrap();
        (poll, connection, listener.accept().unwrap().0)
    }

    fn wait(poll: &mut Poll, for_what: fn(&Event) -> bool) {
        let mut events = Events::with_capacity(8);
        while !events.iter().any(for_what) {
            poll.poll(&mut events, Some(LONG)).unwrap();
            assert!(!events.is_empty(), "nothing came");
        }
    }

    /// Reads whenever the connection is said to be readable, until there is an answer.
    fn body(poll: &mut Poll, connection: &mut Connection<'_>) -> Outcome<Vec<u8>> {
        let mut buffer = [0; 256];
        loop {
            wait(poll, Event::is_readable);
            if let Some(answer) = connection.read(&mut buffer)? {
                return Ok(buffer[answer.head..answer.whole].to_vec());
            }
        }
    }

    fn failure(poll: &mut Poll, connection: &mut Connection<'_>) -> String {
        body(poll, connection).unwrap_err().to_string()
    }

    #[test]
    fn an_answer_may_come_in_pieces_and_the_next_one_after_it() {
        let requests = requests();
        let (mut poll, mut connection, mut peer) = opened(&requests);
        for _ in 0..2 {
            let (last, pieces) = ANSWER.split_last().unwrap();
            for piece in pieces {
                peer.write_all(&[*piece]).unwrap();
                assert_eq!(connection.read(&mut [0; 256]).unwrap(), None);
            }
            peer.write_all(&[*last]).unwrap();
            assert_eq!(body(&mut poll, &mut connection).unwrap(), b"hello");
            connection.send(Instant::now()).unwrap();
        }
    }

    #[test]
    fn more_than_one_answer_to_a_request_is_an_error() {
        const MORE: &str = "the server sent more than one answer";
        let requests = requests();
        let (mut poll, mut connection, mut peer) = opened(&requests);
        peer.write_all(&ANSWER.repeat(2)).unwrap();
        assert_eq!(failure(&mut poll, &mut connection), MORE);

        let (mut poll, mut connection, mut peer) = opened(&requests);
        connection.sent = None;
        peer.write_all(ANSWER).unwrap();
        assert_eq!(failure(&mut poll, &mut connection), MORE);
    }

    #[test]
    fn an_answer_that_ends_early_or_is_too_long_is_an_error() {
        let requests = requests();
        let (mut poll, mut connection, mut peer) = opened(&requests);
        peer.write_all(&ANSWER[..ANSWER.len() - 1]).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(failure(&mut poll, &mut connection), CLOSED);

        let (mut poll, mut connection, mut peer) = opened(&requests);
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
            .unwrap();
        peer.write_all(&[b'x'; 300]).unwrap();
        assert_eq!(
            failure(&mut poll, &mut connection),
            "an answer is longer than what is kept of one"
        );
    }

    #[test]
    fn what_the_socket_does_not_take_is_written_when_it_can_be() {
        let requests = requests();
        let (mut poll, mut connection, mut peer) = opened(&requests);
        // Until it is so full that it does not take a request as well.
        let request = loop {
            while connection.stream.write(&[0; 4 * 1024]).is_ok() {}
            connection.send(Instant::now()).unwrap();
            let request = connection.drawing.request().to_vec();
            if connection.written < request.len() {
                break request;
            }
        };
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).map(|_| all)
        });
        while connection.written < request.len() {
            wait(&mut poll, Event::is_writable);
            connection.write().unwrap();
        }
        drop(connection);
        assert!(reader.join().unwrap().unwrap().ends_with(&request));
    }
}
