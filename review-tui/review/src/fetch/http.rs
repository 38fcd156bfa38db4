//! One request at a time, with patience: a server that has no time is asked again later, as it says itself.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;

use super::address::Base;
use super::{FetchError, Tell};

/// Asks that a server that has no time gets.
const TRIES: u32 = 5;

/// The longest wait between two of them; a server that asks for more is asked by the reader, another time.
const LONGEST: Duration = Duration::from_secs(120);

/// Redirections that are followed.
const HOPS: u32 = 5;

/// Bytes of an answer: larger threads there are none, and a manifest of lore has 100 kB.
const LARGEST: u64 = 256 << 20;

/// How long a whole answer may take, however steadily it drips.
const WHOLE: Duration = Duration::from_secs(1_800);

/// What the program calls itself before servers.
pub const NAME: &str = concat!("provenance/", env!("CARGO_PKG_VERSION"));

/// A connection to servers.
pub struct Client<'t> {
    agent: Agent,
    tell: Tell<'t>,
    patience: Duration,
    redirects: bool,
}

/// An answer, whole.
pub struct Answer {
    /// Where it came from, after redirections.
    pub url: String,
    /// Its media type, lower case, without parameters; empty if it says none.
    pub media: String,
    /// The body.
    pub body: Vec<u8>,
}

impl<'t> Client<'t> {
    /// Waits at most so long for a connection, and for each piece of an answer. A redirection to another host is followed
    /// only with `redirects`. Proxies are as the environment says (`HTTPS_PROXY`, `NO_PROXY`).
    pub fn new(patience: Duration, redirects: bool, tell: Tell<'t>) -> Client<'t> {
        let config = Agent::config_builder()
            .user_agent(NAME)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .timeout_recv_body(Some(WHOLE))
            .build();
        Client { agent: config.new_agent(), tell, patience, redirects }
    }

    /// How long a server may be silent.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether redirections to other hosts are followed.
    pub fn redirects(&self) -> bool {
        self.redirects
    }

    /// Reads a URL to its end.
    ///
    /// # Errors
    /// No connection, a status that is no success, too much, or an answer that breaks off.
    pub fn get(&self, url: &str) -> Result<Answer, FetchError> {
        let mut at = url.to_owned();
        let (mut hops, mut tries) = (0, 0);
        loop {
            let response = self.agent.get(&at).call();
            let mut response =
                response.map_err(|source| FetchError::Connection { url: at.clone(), source: Box::new(source) })?;
            let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
            let status = response.status().as_u16();
            match status {
                200 => {}
                301 | 302 | 303 | 307 | 308 => {
                    hops += 1;
                    let next = onward(&at, header("location").as_deref(), hops)?;
                    if host(&next) != host(&at) {
                        if !self.redirects {
                            return Err(FetchError::Elsewhere { url: at, to: next });
                        }
                        (self.tell)(&format!("{at} is redirected to {next}"));
                    }
                    at = next;
                    continue;
                }
                404 | 410 => return Err(FetchError::NotThere { url: at }),
                429 | 503 => {
                    tries += 1;
                    let wait = pause(header("retry-after").as_deref(), tries);
                    if tries >= TRIES || wait > LONGEST {
                        return Err(FetchError::Busy { url: at, status, tries, seconds: wait.as_secs() });
                    }
                    (self.tell)(&format!("the server is busy ({status}); asking again in {} s", wait.as_secs()));
                    std::thread::sleep(wait);
                    continue;
                }
                status => return Err(FetchError::Status { url: at, status }),
            }
            let media = header("content-type").unwrap_or_default();
            let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let promised = response.body().content_length();
            let body = whole(&at, promised, response.body_mut().with_config().limit(LARGEST + 2).reader())?;
            return Ok(Answer { url: at, media, body });
        }
    }
}

/// Reads a body; one that ends before its promised length broke off.
fn whole(url: &str, promised: Option<u64>, reader: impl Read) -> Result<Vec<u8>, FetchError> {
    let too_large = || FetchError::TooLarge { url: url.to_owned(), megabytes: LARGEST >> 20 };
    if promised.is_some_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let broke = |bytes: usize, source| FetchError::BrokeOff { url: url.to_owned(), bytes, source };
    if let Err(source) = reader.take(LARGEST + 1).read_to_end(&mut body) {
        return Err(broke(body.len(), source));
    }
    if body.len() as u64 > LARGEST {
        return Err(too_large());
    }
    match promised {
        Some(length) if (body.len() as u64) < length => {
            Err(broke(body.len(), std::io::Error::from(std::io::ErrorKind::UnexpectedEof)))
        }
        _ => Ok(body),
    }
}

/// Where a redirection leads. From https only to https.
fn onward(from: &str, location: Option<&str>, hops: u32) -> Result<String, FetchError> {
    let refused = |why: String| FetchError::Redirected { url: from.to_owned(), why };
    if hops > HOPS {
        return Err(refused(format!("more than {HOPS} times")));
    }
    let location = location.ok_or_else(|| refused("to nowhere".to_owned()))?;
    let next = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with('/') && !location.starts_with("//") {
        format!("{}{location}", Base::parse(from)?.root())
    } else {
        let shown: String = location.chars().take(100).collect();
        return Err(refused(format!("to `{shown}`, which is no address")));
    };
    let plain = next.split(['?', '#']).next().unwrap_or(&next);
    Base::parse(plain).map_err(|_| refused("to what is no address".to_owned()))?;
    if from.starts_with("https://") && !next.starts_with("https://") {
        return Err(refused("to an address without encryption".to_owned()));
    }
    Ok(next)
}

/// How long to wait: as the server says (RFC 9110 §10.2.3, in seconds or as a date), else longer each time.
fn pause(says: Option<&str>, tries: u32) -> Duration {
    let seconds = says.and_then(|says| {
        let says = says.trim();
        let date = || {
            let date = jiff::fmt::rfc2822::parse(says).ok()?;
            u64::try_from(date.timestamp().as_second() - jiff::Timestamp::now().as_second()).ok().or(Some(0))
        };
        says.parse::<u64>().ok().or_else(date)
    });
    Duration::from_secs(seconds.unwrap_or(1 << tries.min(6)))
}

/// Host and port of a URL, as far as it is one.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_how_long_to_wait() {
        assert_eq!(pause(Some("7"), 1), Duration::from_secs(7));
        assert!(pause(Some("1000000"), 1) > LONGEST && pause(None, TRIES) <= LONGEST);
        assert_eq!(pause(Some("Wed, 21 Oct 2015 07:28:00 GMT"), 1), Duration::ZERO);
        assert_eq!((pause(None, 1), pause(Some("soon"), 3)), (Duration::from_secs(2), Duration::from_secs(8)));
    }

    #[test]
    fn redirections_stay_on_the_safe_side() {
        assert_eq!(onward("https://h/r/x", Some("/all/x/"), 1).unwrap(), "https://h/all/x/");
        assert_eq!(onward("http://h/x", Some("https://g/x"), 1).unwrap(), "https://g/x");
        for (from, to) in [
            ("https://h/x", Some("http://h/x")),
            ("https://h/x", Some("//g/x")),
            ("https://h/x", None),
            ("https://h/x", Some("file:///etc/passwd")),
        ] {
            assert!(matches!(onward(from, to, 1), Err(FetchError::Redirected { .. })), "{to:?}");
        }
        assert!(matches!(onward("https://h/x", Some("/y"), 6), Err(FetchError::Redirected { .. })));
    }
}
