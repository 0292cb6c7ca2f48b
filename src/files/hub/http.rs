//! Asking the hub: addresses, the token, and what an answer means.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Response, StatusCode, header};

use super::HubSettings;
use super::error::HubError;

/// The longest list of files that is read, in bytes.
const MOST_LIST: u64 = 32 << 20;
/// The longest wait that the hub may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Why one try did not do.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: HubError,
    /// Whether another try may do.
    pub(super) passing: bool,
    /// How long the hub asks to wait.
    pub(super) wait: Option<Duration>,
}

impl Trouble {
    fn passing(error: HubError) -> Self {
        Self { error, passing: true, wait: None }
    }

    fn lasting(error: HubError) -> Self {
        Self { error, passing: false, wait: None }
    }
}

/// An answer with bytes to come.
pub(super) struct Body {
    /// The place of its first byte; `None` if the hub sends the file from its beginning.
    pub(super) from: Option<u64>,
    /// The file's length, if it is told.
    pub(super) length: Option<u64>,
    /// The bytes.
    pub(super) bytes: Box<dyn Read>,
}

/// The hub as seen from here.
pub(super) struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<String>,
}

impl Client {
    pub(super) fn new(settings: &HubSettings) -> Self {
        let agent = Agent::config_builder()
            .user_agent(concat!("pentimento/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_connect(Some(settings.patience))
            .timeout_recv_response(Some(settings.patience))
            // A stall is a read that brings nothing; a slow line may take as long as it likes.
            .timeout_per_read(Some(settings.patience))
            // The files lie on other hosts, which must not see the token.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .max_redirects(8)
            .build()
            .into();
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        Self { agent, endpoint, token: settings.token.clone() }
    }

    /// The address of a repository's list of files.
    pub(super) fn list_url(&self, repo: &str, revision: &str) -> String {
        let Self { endpoint, .. } = self;
        format!("{endpoint}/api/models/{repo}/revision/{}?blobs=true", escaped(revision, false))
    }

    /// The address of a file.
    pub(super) fn file_url(&self, repo: &str, commit: &str, path: &str) -> String {
        format!("{}/{repo}/resolve/{commit}/{}", self.endpoint, escaped(path, true))
    }

    /// A text.
    pub(super) fn text(&self, url: &str) -> Result<String, Trouble> {
        let mut response = self.ask(url, 0)?;
        let text = response.body_mut().with_config().limit(MOST_LIST).read_to_string();
        text.map_err(|error| network(&error, url))
    }

    /// A file's bytes from a place on.
    pub(super) fn bytes(&self, url: &str, from: u64) -> Result<Body, Trouble> {
        let response = self.ask(url, from)?;
        let headers = response.headers();
        let told = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (from, length) = if response.status() == StatusCode::PARTIAL_CONTENT {
            let range = told(header::CONTENT_RANGE).and_then(content_range);
            let Some((from, length)) = range else {
                let reason = "it does not say which bytes it holds".to_owned();
                return Err(Trouble::passing(HubError::Answer { reason, url: url.to_owned() }));
            };
            (Some(from), length)
        } else {
            (None, told(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()))
        };
        Ok(Body { from, length, bytes: Box::new(response.into_body().into_reader()) })
    }

    fn ask(&self, url: &str, from: u64) -> Result<Response<ureq::Body>, Trouble> {
        // Lengths and places are those of the file, not of something compressed.
        let mut request = self.agent.get(url).header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.call().map_err(|error| network(&error, url))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(&response, url))
    }
}

/// What a status other than success means.
fn refusal(response: &Response<ureq::Body>, url: &str) -> Trouble {
    let status = response.status();
    let at = url.to_owned();
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|secs| secs.trim().parse().ok()).map(Duration::from_secs);
    let trouble = match status.as_u16() {
        401 => Trouble::lasting(HubError::Token(at)),
        403 => Trouble::lasting(HubError::Gated(at)),
        404 | 410 => Trouble::lasting(HubError::NotFound(at)),
        429 => Trouble::passing(HubError::Busy(at)),
        408 | 500.. => Trouble::passing(HubError::Status { status: status.as_u16(), url: at }),
        other => Trouble::lasting(HubError::Status { status: other, url: at }),
    };
    Trouble { wait: wait.map(|wait| wait.min(LONGEST_WAIT)), ..trouble }
}

fn network(error: &ureq::Error, url: &str) -> Trouble {
    let at = url.to_owned();
    match error {
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::TooManyRedirects
        | ureq::Error::RedirectFailed
        | ureq::Error::BodyExceedsLimit(_) => {
            Trouble::lasting(HubError::Answer { reason: error.to_string(), url: at })
        }
        _ => Trouble::passing(HubError::Network { reason: error.to_string(), url: at }),
    }
}

/// "bytes 5-9/10" → 5, and 10 if it is told.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, length.trim().parse().ok()))
}

/// Percent-encodes what may not stand in an address.
fn escaped(text: &str, keep_slashes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || keep_slashes && byte == b'/' {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            for half in [byte >> 4, byte & 15] {
                escaped.push(
                    char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase(),
                );
            }
        }
    }
    escaped
}
