//! The connections of one thread of the load: whichever has its answer sends its next request.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::ops::Range;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::event::Event;
use mio::{Events, Poll, Token};

use super::answers::Answer;
use super::connection::{CLOSED, Connection};
use super::figures::number;
use super::generator::Load;
use crate::shell::Outcome;

/// One answer in so many of a connection is read; of the others the status alone.
const LOOKED_AT: u64 = 128;

/// How much longer than it should a load may take before it is cut.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer, head and body. Those to look-ups have about a kilobyte.
const ANSWER: usize = 64 * 1024;

/// What connections have seen.
pub(super) struct Seen {
    /// Microseconds.
    pub(super) latency: Histogram<u64>,
    /// All requests that were sent.
    pub(super) sent: u64,
}

/// The connections of one thread.
pub(super) struct Connections<'a> {
    load: Load<'a>,
    /// What is sent and answered within is counted.
    time: Range<Instant>,
    poll: Poll,
    /// By token; `None` is one that has sent its last.
    open: Vec<Option<Connection<'a>>>,
    /// Between the requests of one connection, where there is a pace.
    step: Option<Duration>,
    /// Those whose next request is not due yet, by its moment; none where there is no pace.
    waiting: BinaryHeap<Reverse<(Instant, usize)>>,
    /// One for all of them: it stays in the processor's cache, as one for each would not.
    buffer: Vec<u8>,
    /// What they have seen so far.
    pub(super) seen: Seen,
}

impl Seen {
    pub(super) fn nothing() -> Outcome<Self> {
        Ok(Self {
            // Up to a minute, to three digits.
            latency: Histogram::new_with_bounds(1, 60_000_000, 3)?,
            sent: 0,
        })
    }
}

impl<'a> Connections<'a> {
    /// Opens the connections of these numbers.
    pub(super) fn open(load: Load<'a>, numbers: impl Iterator<Item = usize>, time: Range<Instant>) -> Outcome<Self> {
        let poll = Poll::new()?;
        let open = numbers
            .enumerate()
            .map(|(at, number)| {
                let drawing = load.requests.draw(load.by, count(number));
                Connection::open(load.address, PATIENCE, drawing, poll.registry(), Token(at)).map(Some)
            })
            .collect::<Outcome<Vec<_>>>()?;
        Ok(Self {
            load,
            time,
            poll,
            open,
            step: load
                .pace
                .map(|pace| Duration::from_secs_f64(number(count(load.connections)) / pace)),
            waiting: BinaryHeap::new(),
            buffer: vec![0; ANSWER],
            seen: Seen::nothing()?,
        })
    }

    /// Sends requests and reads answers until the time is over.
    ///
    /// # Errors
    /// The first failure of any connection, or a server that stops answering.
    pub(super) fn run(&mut self) -> Outcome {
        let cut = self.time.end + PATIENCE;
        let mut events = Events::with_capacity(self.open.len());
        for at in 0..self.open.len() {
            self.go_on(at, Instant::now())?;
        }
        while self.open.iter().any(Option::is_some) {
            let now = Instant::now();
            if now >= cut {
                return Err("the server stopped answering".into());
            }
            let until = self.waiting.peek().map_or(cut, |Reverse((due, _))| cut.min(*due));
            match self.poll.poll(&mut events, Some(until.saturating_duration_since(now))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                self.heed(event)?;
            }
            self.send_what_is_due()?;
        }
        Ok(())
    }

    fn heed(&mut self, event: &Event) -> Outcome {
        let Token(at) = event.token();
        let Some(connection) = &mut self.open[at] else {
            return Ok(());
        };
        if event.is_writable() {
            connection.write()?;
        }
        if event.is_readable()
            && let Some(answer) = connection.read(&mut self.buffer)?
        {
            // The end of this answer is the beginning of the next request: one look at the clock for both.
            let now = Instant::now();
            self.take(at, answer, now)?;
            self.go_on(at, now)?;
        }
        // What is said together with an answer is not said again.
        if event.is_read_closed() && self.open[at].is_some() {
            return Err(CLOSED.into());
        }
        Ok(())
    }

    /// Checks the answer that a connection has in the buffer now, and counts it.
    fn take(&mut self, at: usize, answer: Answer, now: Instant) -> Outcome {
        let Some(connection) = &mut self.open[at] else {
            return Ok(());
        };
        let body = &self.buffer[answer.head..answer.whole];
        if answer.status != 200 {
            let body = String::from_utf8_lossy(body);
            return Err(format!("{} answered {}: {body}", self.load.address, answer.status).into());
        }
        let looked_at = self.load.looked_at && connection.requests % LOOKED_AT == 1;
        if looked_at && !connection.is_answered_by(body) {
            // Everybody here is invented: what was wrong may be shown.
            return Err(format!("a wrong answer: {}", String::from_utf8_lossy(body)).into());
        }
        if let Some(sent) = connection.sent.take()
            && sent >= self.time.start
            && now <= self.time.end
        {
            let micros = u64::try_from((now - sent).as_micros()).unwrap_or(u64::MAX);
            self.seen.latency.saturating_record(micros.max(1));
        }
        Ok(())
    }

    /// What a connection does that has its answer, or has just been opened: it sends, or waits until it is due.
    fn go_on(&mut self, at: usize, now: Instant) -> Outcome {
        let Some(step) = self.step else {
            return self.send(at, now);
        };
        if let Some(connection) = &mut self.open[at] {
            connection.due = due(connection.due, step, now);
            self.waiting.push(Reverse((connection.due, at)));
        }
        Ok(())
    }

    fn send_what_is_due(&mut self) -> Outcome {
        while let Some(Reverse((due, at))) = self.waiting.peek().copied() {
            let now = Instant::now();
            if due > now {
                break;
            }
            self.waiting.pop();
            self.send(at, now)?;
        }
        Ok(())
    }

    /// Sends the next request of a connection, or closes it when the time is over.
    fn send(&mut self, at: usize, now: Instant) -> Outcome {
        if now >= self.time.end {
            self.open[at] = None;
        } else if let Some(connection) = &mut self.open[at] {
            connection.send(now)?;
            self.seen.sent += 1;
        }
        Ok(())
    }
}

/// When to send after a request that was due at `last`: who is late does not hurry, a pause is never made up for.
fn due(last: Instant, step: Duration, now: Instant) -> Instant {
    (last + step).max(now)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use super::super::people::{GROUPS, People};
    use super::super::requests::{By, Requests};
    use super::*;

    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    const ENOUGH: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nenough";

    /// More than a stalled machine needs; no test waits for its end.
    const LONG: Duration = Duration::from_mins(1);

    /// What a server says to the request of this number, from 1; with `None` it hangs up, and listens on.
    type Says = fn(u64) -> Option<&'static str>;

    /// Serves so many connections to their end; tells then how many requests there were.
    fn server(connections: usize, says: Says) -> (String, JoinHandle<u64>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let all = thread::spawn(move || {
            let each: Vec<_> = (0..connections)
                .map(|_| listener.accept().unwrap().0)
                .map(|stream| thread::spawn(move || serve(&stream, says)))
                .collect();
            each.into_iter().map(|one| one.join().unwrap()).sum()
        });
        (address, all)
    }

    fn serve(mut stream: &TcpStream, says: Says) -> u64 {
        let mut requests = 0;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if !line.is_empty() {
                continue;
            }
            requests += 1;
            // The load may be over.
            let _ = match says(requests) {
                Some(answer) => stream.write_all(answer.as_bytes()),
                None => stream.shutdown(Shutdown::Write),
            };
        }
        requests
    }

    fn requests() -> Requests {
        Requests::new(People { rows: 10_000 }, &vec!["t".to_owned(); GROUPS as usize])
    }

    fn load<'a>(address: &'a str, requests: &'a Requests) -> Load<'a> {
        Load {
            address,
            requests,
            by: By::Email,
            looked_at: false,
            connections: 3,
            pace: None,
            warm_up: Duration::ZERO,
            time: LONG,
        }
    }

    fn opened(load: Load<'_>) -> Connections<'_> {
        let now = Instant::now();
        Connections::open(load, 0..load.connections, now..now + load.time).unwrap()
    }

    /// What such a load fails with, and what it has seen until then.
    fn failure(load: Load<'_>) -> (String, Seen) {
        let mut connections = opened(load);
        let error = connections.run().unwrap_err().to_string();
        (error, connections.seen)
    }

    #[test]
    fn a_status_that_is_not_200_ends_the_load_with_its_text() {
        let (address, _server) = server(3, |number| Some(if number > 200 { ENOUGH } else { GOOD }));
        let (error, seen) = failure(load(&address, &requests()));
        assert_eq!(error, format!("{address} answered 500: enough"));
        assert!(seen.latency.len() >= 200 && seen.sent > seen.latency.len());
    }

    #[test]
    fn a_wrong_answer_ends_the_load() {
        let (address, _server) = server(3, |_| Some(GOOD));
        let requests = requests();
        let (error, _) = failure(Load {
            looked_at: true,
            ..load(&address, &requests)
        });
        assert_eq!(error, "a wrong answer: {}");
    }

    #[test]
    fn a_server_that_hangs_up_ends_the_load_whether_or_not_an_answer_is_awaited() {
        let (address, _server) = server(3, |number| (number < 50).then_some(GOOD));
        let requests = requests();
        let awaited = load(&address, &requests);
        assert_eq!(failure(awaited).0, CLOSED);

        // An answer and the end at once: what is sent next is never answered.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(GOOD.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            BufReader::new(stream).lines().map_while(Result::ok).count()
        });
        let at_once = Load {
            connections: 1,
            ..load(&address, &requests)
        };
        assert_eq!(failure(at_once).0, CLOSED);
        assert!(peer.join().unwrap() > 0);
    }

    #[test]
    fn a_pace_is_never_exceeded() {
        let (address, _server) = server(3, |number| Some(if number > 10 { ENOUGH } else { GOOD }));
        let requests = requests();
        let begun = Instant::now();
        let (error, seen) = failure(Load {
            pace: Some(300.0),
            ..load(&address, &requests)
        });
        assert!(error.ends_with("enough"), "{error}");
        // The eleventh request of a connection is due eleven steps after its first moment, however slow the machine.
        assert!(begun.elapsed() >= Duration::from_millis(110));
        assert!((11..=33).contains(&seen.sent), "{}", seen.sent);
    }

    #[test]
    fn who_is_in_time_keeps_the_pace_and_who_is_late_does_not_hurry() {
        let (begun, step) = (Instant::now(), Duration::from_millis(10));
        let mut last = begun;
        for number in 1..=100 {
            // It was sent a little late, and answered before the next was due.
            last = due(last, step, last + step / 2);
            assert_eq!(last, begun + step * number);
        }
        let late = last + step * 7;
        assert_eq!(due(last, step, late), late);
        assert_eq!(due(late, step, late), late + step);
    }

    #[test]
    fn only_what_is_sent_and_answered_within_the_time_is_counted() {
        let (address, server) = server(3, |_| Some(GOOD));
        let requests = requests();
        let load = load(&address, &requests);
        let now = Instant::now();
        // The warm-up lasts until the end.
        let ends = now + Duration::from_millis(50);
        let mut connections = Connections::open(load, 0..3, ends..ends).unwrap();
        connections.run().unwrap();
        assert_eq!(connections.seen.latency.len(), 0);
        assert_eq!(server.join().unwrap(), connections.seen.sent);
    }
}
