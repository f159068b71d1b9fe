//! The requests of the load: a key drawn evenly from all registrations, and the headers of its paper.

use super::people::{self, People, TENANTS};

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// `GET /v4/Users?email=…`
    Email,
    /// `GET /v4/Users/{crid}`
    Id,
}

/// Everything that a request is made of, prepared.
pub(super) struct Requests {
    people: People,
    /// What follows the target, for each paper.
    tails: Vec<String>,
}

/// The requests of one connection.
pub(super) struct Drawing<'a> {
    of: &'a Requests,
    by: By,
    state: u64,
    request: Vec<u8>,
    /// The key within the request.
    key: std::ops::Range<usize>,
}

impl Requests {
    /// For these people, with one token for each client group.
    pub(super) fn new(people: People, tokens: &[String]) -> Self {
        let tails = (0..TENANTS)
            .map(|tenant| {
                format!(
                    " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n{}\r\n",
                    headers(tenant, tokens)
                )
            })
            .collect();
        Self { people, tails }
    }

    /// The requests of connection `number`.
    pub(super) fn draw(&self, by: By, number: u64) -> Drawing<'_> {
        Drawing {
            of: self,
            by,
            state: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            request: Vec::new(),
            key: 0..0,
        }
    }
}

/// The five headers of a paper, as lines.
pub(super) fn headers(tenant: u32, tokens: &[String]) -> String {
    let [group, client, paper] = people::codes(tenant);
    let token = &tokens[(tenant % people::GROUPS) as usize];
    format!(
        "Authorization: Bearer {token}\r\nX-SourceSystem: BENCH\r\nX-ClientCode: {client}\r\nX-PaperCode: {paper}\r\n\
         X-ClientGroupCode: {group}\r\n"
    )
}

impl Drawing<'_> {
    /// Draws the next request.
    pub(super) fn next(&mut self) {
        // PCG's multiplier; the high half is what is well mixed, and scaling it is even to one part in 2^12 at least.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = ((self.state >> 32) * u64::from(self.of.people.rows)) >> 32;
        let number = u32::try_from(drawn).unwrap_or_default();
        self.request.clear();
        self.request.extend_from_slice(match self.by {
            By::Email => b"GET /v4/Users?email=".as_slice(),
            By::Id => b"GET /v4/Users/".as_slice(),
        });
        let begun = self.request.len();
        match self.by {
            By::Email => People::person(number).write_email(&mut self.request),
            By::Id => people::write_crid(number, &mut self.request),
        }
        self.key = begun..self.request.len();
        let tail = &self.of.tails[people::tenant_of(number) as usize];
        self.request.extend_from_slice(tail.as_bytes());
    }

    /// The bytes of the last request drawn.
    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether a body answers the last request: it names the key and, in a list, says that there is one.
    pub(super) fn is_answered_by(&self, body: &[u8]) -> bool {
        let says = |text: &[u8]| body.windows(text.len()).any(|window| window == text);
        says(&self.request[self.key.clone()])
            && (self.by == By::Id || says(b"\"totalRecords\":1}") || says(b"\"totalRecords\":1,"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_drawn_from_all_and_carry_their_papers_headers() {
        let tokens: Vec<String> = (0..people::GROUPS).map(|group| format!("t{group}")).collect();
        let people = People { rows: 10_000 };
        let requests = Requests::new(people, &tokens);
        let mut drawing = requests.draw(By::Email, 1);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2_000 {
            drawing.next();
            seen.insert(drawing.request().to_vec());
        }
        assert!(seen.len() > 1_700, "{}", seen.len());
        let text = String::from_utf8(drawing.request().to_vec()).unwrap();
        assert!(
            text.starts_with("GET /v4/Users?email=") && text.ends_with("\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn an_answer_about_somebody_else_is_noticed() {
        let tokens = vec!["t".to_owned(); people::GROUPS as usize];
        let requests = Requests::new(People { rows: 10 }, &tokens);
        let mut drawing = requests.draw(By::Email, 1);
        drawing.next();
        let key = String::from_utf8(drawing.request[drawing.key.clone()].to_vec()).unwrap();
        let body = format!(r#"{{"meta":{{"totalRecords":1}},"data":[{{"email":"{key}"}}]}}"#);
        assert!(drawing.is_answered_by(body.as_bytes()));
        assert!(!drawing.is_answered_by(body.replace(":1}", ":2}").as_bytes()));
        assert!(!drawing.is_answered_by(body.replace('@', "@x").as_bytes()));
    }
}
