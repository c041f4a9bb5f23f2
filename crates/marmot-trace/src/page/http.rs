//! HTTP/1.1, as far as this server needs it: one request, one answer, and the end.
//!
//! Reads no bodies and keeps no connection, so there is no framing to get wrong. Pure: bytes
//! in, a request or the number of an error out.

use std::io::{self, Write};

/// A request may be as long as this.
pub(super) const MAX_HEAD: usize = 8 << 10;

/// What is wrong with a request: the status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(pub(super) u16);

impl Status {
    pub(super) const OK: Status = Status(200);
    pub(super) const BAD: Status = Status(400);
    pub(super) const FORBIDDEN: Status = Status(403);
    pub(super) const NOT_FOUND: Status = Status(404);
    pub(super) const METHOD: Status = Status(405);
    pub(super) const TIMEOUT: Status = Status(408);
    pub(super) const TOO_LARGE: Status = Status(431);
    pub(super) const BUSY: Status = Status(503);
    pub(super) const VERSION: Status = Status(505);

    fn words(self) -> &'static str {
        match self.0 {
            200 => "OK",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "Internal Server Error",
        }
    }
}

/// A request that is understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// `HEAD`: the answer without its body.
    pub(super) head_only: bool,
    pub(super) path: String,
    /// What stands after `?`, name by name.
    pub(super) query: Vec<(String, String)>,
    /// The `Host` header.
    pub(super) host: String,
    /// A browser says that a page from elsewhere asks, and not a person who opens the address.
    pub(super) foreign: bool,
    /// The client knows chunks.
    pub(super) chunks: bool,
}

impl Request {
    /// The first value of this name.
    pub(super) fn ask(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Where the head of a request ends, if all of it is there.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let crlf = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4);
    let lf = bytes
        .windows(2)
        .position(|two| two == b"\n\n")
        .map(|at| at + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Understands the head of a request.
pub(super) fn parse(head: &[u8]) -> Result<Request, Status> {
    let text = std::str::from_utf8(head).map_err(|_| Status::BAD)?;
    let mut lines = text.lines();
    let (head_only, target, version) = first_line(lines.next().unwrap_or_default())?;
    let (mut host, mut site, mut mode) = (None, None, None);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(Status::BAD)?;
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            return Err(Status::BAD);
        }
        let place = match name.to_ascii_lowercase().as_str() {
            "host" => &mut host,
            "sec-fetch-site" => &mut site,
            "sec-fetch-mode" => &mut mode,
            _ => continue,
        };
        // Two of them, and who knows which one a proxy has looked at.
        if place.replace(value.trim()).is_some() {
            return Err(Status::BAD);
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok(Request {
        head_only,
        path: decode(path).ok_or(Status::BAD)?,
        query: pairs(query).ok_or(Status::BAD)?,
        host: host.ok_or(Status::BAD)?.to_owned(),
        foreign: site == Some("cross-site") && mode != Some("navigate"),
        chunks: version == "HTTP/1.1",
    })
}

fn first_line(line: &str) -> Result<(bool, &str, &str), Status> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BAD);
    };
    if !version.starts_with("HTTP/") {
        return Err(Status::BAD);
    }
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(Status::VERSION);
    }
    if !matches!(method, "GET" | "HEAD") {
        return Err(Status::METHOD);
    }
    if !target.starts_with('/') {
        return Err(Status::BAD);
    }
    Ok((method == "HEAD", target, version))
}

fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let words = query.split('&').filter(|word| !word.is_empty());
    words
        .map(|word| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Undoes `%20` and `+`.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// An answer, or what goes before one that is written as it comes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: Status,
    pub(super) kind: &'static str,
    /// The browser is to save it under this name.
    pub(super) file: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

/// Nothing but this page itself may be loaded by it, and it may be shown in no other page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

impl Answer {
    pub(super) fn new(kind: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status: Status::OK,
            kind,
            file: None,
            body: body.into(),
        }
    }

    pub(super) fn text(body: impl Into<Vec<u8>>) -> Answer {
        Answer::new("text/plain; charset=utf-8", body)
    }

    pub(super) fn json(body: String) -> Answer {
        Answer::new("application/json", body)
    }

    /// A fault, with a sentence for whoever reads it.
    pub(super) fn fault(status: Status, sentence: &str) -> Answer {
        Answer {
            status,
            ..Answer::text(format!("{} {}: {sentence}\n", status.0, status.words()))
        }
    }

    fn head(&self, length: &str) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{length}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\nContent-Security-Policy: {POLICY}\r\n",
            self.status.0,
            self.status.words(),
            self.kind,
        );
        if let Some(file) = self.file {
            head += &format!("Content-Disposition: attachment; filename=\"{file}\"\r\n");
        }
        if self.status == Status::METHOD {
            head += "Allow: GET, HEAD\r\n";
        }
        head + "\r\n"
    }

    /// Writes all of it.
    pub(super) fn send(&self, out: &mut impl Write, head_only: bool) -> io::Result<()> {
        let head = self.head(&format!("Content-Length: {}", self.body.len()));
        out.write_all(head.as_bytes())?;
        if !head_only {
            out.write_all(&self.body)?;
        }
        out.flush()
    }

    /// Writes what goes before a body that is written as it comes.
    pub(super) fn begin<W: Write>(&self, mut out: W, chunks: bool) -> io::Result<Stream<W>> {
        let length = if chunks {
            "Transfer-Encoding: chunked"
        } else {
            "Pragma: no-cache"
        };
        out.write_all(self.head(length).as_bytes())?;
        Ok(Stream { out, chunks })
    }
}

/// A body that is written as it comes; its end shows whether all of it arrived.
#[derive(Debug)]
pub(super) struct Stream<W> {
    out: W,
    chunks: bool,
}

impl<W: Write> Stream<W> {
    /// Says that this was all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.chunks {
            self.out.write_all(b"0\r\n\r\n")?;
        }
        self.out.flush()
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An empty chunk would be the end.
        if self.chunks && !bytes.is_empty() {
            write!(self.out, "{:x}\r\n", bytes.len())?;
            self.out.write_all(bytes)?;
            self.out.write_all(b"\r\n")?;
        } else {
            self.out.write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Answer, Status, end_of_head, parse};

    fn get(target: &str) -> Vec<u8> {
        format!("GET {target} HTTP/1.1\r\nHost: localhost:6060\r\n\r\n").into_bytes()
    }

    #[test]
    fn a_request_is_taken_apart() {
        let request = parse(&get("/debug/goroutines?debug=2&q=a%20b+c&x")).unwrap();
        assert_eq!(request.path, "/debug/goroutines");
        assert_eq!(request.ask("debug"), Some("2"));
        assert_eq!(request.ask("q"), Some("a b c"));
        assert_eq!(request.ask("x"), Some(""));
        assert_eq!(request.ask("y"), None);
        assert_eq!(request.host, "localhost:6060");
        assert!(!request.head_only && !request.foreign && request.chunks);
    }

    #[test]
    fn only_reading_is_allowed() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
            let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(parse(head.as_bytes()), Err(Status::METHOD), "{method}");
        }
        assert!(
            parse(b"HEAD / HTTP/1.0\r\nHost: a\r\n\r\n")
                .unwrap()
                .head_only
        );
    }

    #[test]
    fn nonsense_is_a_bad_request_and_never_a_panic() {
        let nonsense: [&[u8]; 14] = [
            b"",
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /% HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
        ];
        for head in nonsense {
            assert_eq!(
                parse(head),
                Err(Status::BAD),
                "{}",
                String::from_utf8_lossy(head)
            );
        }
        let version = parse(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n");
        assert_eq!(version, Err(Status::VERSION));
    }

    #[test]
    fn every_beginning_of_a_request_is_survived() {
        let whole = get("/debug/trace?seconds=5%20&a=b");
        for end in 0..whole.len() {
            assert_eq!(end_of_head(&whole[..end]), None);
            drop(parse(&whole[..end]));
        }
        assert_eq!(end_of_head(&whole), Some(whole.len()));
    }

    #[test]
    fn a_script_of_a_foreign_page_is_told_from_a_person() {
        let ask = |mode: &str| {
            let head = format!(
                "GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: {mode}\r\n\r\n"
            );
            parse(head.as_bytes()).unwrap().foreign
        };
        assert!(ask("no-cors") && ask("cors"));
        assert!(!ask("navigate"));
    }

    #[test]
    fn a_body_in_chunks_ends_with_an_empty_one() {
        let mut out = Vec::new();
        let mut stream = Answer::text("").begin(&mut out, true).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.write_all(b"").unwrap();
        stream.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{text}");
    }
}
