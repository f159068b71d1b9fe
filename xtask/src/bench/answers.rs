//! Reading answers, no more of HTTP than that: a status, a length, a body.

use std::mem::MaybeUninit;

use crate::shell::Outcome;

/// More headers than any server here sends.
const HEADERS: usize = 32;

/// Where an answer in a buffer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The length of the head.
    pub(super) head: usize,
    /// The length of head and body.
    pub(super) whole: usize,
}

/// Takes the head of an answer apart; `None` while it is not whole.
///
/// An answer that does not tell its length is an error: no server here sends one.
pub(super) fn parse(bytes: &[u8]) -> Outcome<Option<Answer>> {
    // Clearing room for so many headers would take longer than reading the few that there are.
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let httparse::Status::Complete(head) =
        parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers)?
    else {
        return Ok(None);
    };
    let status = response.code.ok_or("an answer has no status")?;
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer does not tell its length")?;
    let body: usize = std::str::from_utf8(length.value)?.trim().parse()?;
    Ok(Some(Answer {
        status,
        head,
        whole: head + body,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_once_its_head_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(parse(&text[..20]).unwrap(), None);
        let answer = parse(&text[..40]).unwrap().unwrap();
        assert_eq!((answer.status, answer.whole), (200, text.len()));
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
