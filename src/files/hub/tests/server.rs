//! A hub of our own: repositories that hold the same files, served by plain sockets, with faults on
//! demand.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// What goes wrong with one request for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// This status.
    Status(u16),
    /// So many bytes, then the end.
    Cut(usize),
    /// So many bytes, then nothing for long.
    Stall(usize),
    /// No answer.
    Reset,
    /// The whole file, whatever was asked for.
    Whole,
    /// A byte is another one.
    Damage,
    /// A file that is one byte longer.
    Longer,
    /// It lies on another host.
    Elsewhere,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Whether it was for a file.
    pub(super) file: bool,
    pub(super) from: usize,
    pub(super) token: Option<String>,
    /// Whether it came to the other host.
    pub(super) elsewhere: bool,
}

struct Inner {
    repos: Vec<String>,
    files: Vec<(&'static str, Vec<u8>)>,
    port: u16,
    plan: Mutex<VecDeque<Fault>>,
    asked: Mutex<Vec<Asked>>,
}

/// It ends with the process of the tests.
pub(super) struct Server(Arc<Inner>);

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Server {
    pub(super) fn start(repo: &str, files: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self::with(&[repo], files)
    }

    pub(super) fn with(repos: &[&str], files: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (plan, asked) = (Mutex::default(), Mutex::default());
        let repos = repos.iter().map(|repo| (*repo).to_owned()).collect();
        let inner = Arc::new(Inner { repos, files, port, plan, asked });
        let server = Self(Arc::clone(&inner));
        let serve = move || {
            for stream in listener.incoming() {
                let inner = Arc::clone(&inner);
                let answer = move || drop(inner.answer(stream.unwrap()));
                std::thread::Builder::new().spawn(answer).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        server
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// What goes wrong with the next requests for files.
    pub(super) fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.0.plan.lock().unwrap() = faults.into_iter().collect();
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }
}

impl Inner {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut asked = Asked { file: false, from: 0, token: None, elsewhere: false };
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => asked.token = Some(value.to_owned()),
                "host" => asked.elsewhere = value.starts_with("localhost"),
                "range" => {
                    let from = value.strip_prefix("bytes=").unwrap();
                    asked.from = from.trim_end_matches('-').parse().unwrap();
                }
                _ => {}
            }
        }
        let of = |repo: &String| path.strip_prefix(&format!("/{repo}/resolve/{COMMIT}/"));
        let name = self.repos.iter().find_map(of);
        let file = name.and_then(|name| self.files.iter().find(|(file, _)| *file == name));
        asked.file = file.is_some();
        let (from, elsewhere) = (asked.from, asked.elsewhere);
        self.asked.lock().unwrap().push(asked);
        let listed =
            |repo: &&String| path == format!("/api/models/{repo}/revision/main?blobs=true");
        if let Some(repo) = self.repos.iter().find(listed) {
            let list = self.list(repo);
            return write!(stream, "{}{list}", head(200, list.len(), ""));
        }
        let Some((_, content)) = file else { return write!(stream, "{}", head(404, 0, "")) };
        // What is elsewhere is all right.
        let fault = if elsewhere { None } else { self.plan.lock().unwrap().pop_front() };
        self.send(stream, content, from, fault.unwrap_or(Fault::None), &path)
    }

    fn send(
        &self,
        mut stream: TcpStream,
        content: &[u8],
        from: usize,
        fault: Fault,
        path: &str,
    ) -> std::io::Result<()> {
        let mut rest = content[from..].to_vec();
        let mut sent = rest.len();
        match fault {
            Fault::None => {}
            Fault::Status(status) => {
                return write!(stream, "{}", head(status, 0, "Retry-After: 0\r\n"));
            }
            Fault::Cut(length) | Fault::Stall(length) => sent = sent.min(length),
            Fault::Reset => return Ok(()),
            Fault::Whole => {
                write!(stream, "{}", head(200, content.len(), ""))?;
                return stream.write_all(content);
            }
            Fault::Damage => rest[0] ^= 1,
            Fault::Longer => {
                write!(stream, "{}", head(200, content.len() + 1, ""))?;
                return stream.write_all(content);
            }
            Fault::Elsewhere => {
                let location = format!("Location: http://localhost:{}{path}\r\n", self.port);
                return write!(stream, "{}", head(302, 0, &location));
            }
        }
        let head = if from > 0 {
            let (last, all) = (content.len() - 1, content.len());
            head(206, rest.len(), &format!("Content-Range: bytes {from}-{last}/{all}\r\n"))
        } else {
            head(200, rest.len(), "")
        };
        write!(stream, "{head}")?;
        stream.write_all(&rest[..sent])?;
        if matches!(fault, Fault::Stall(_)) {
            stream.flush()?;
            std::thread::sleep(Duration::from_secs(3));
        }
        Ok(())
    }

    /// As the hub's API lists files: small ones by git's name, large ones by their sum.
    fn list(&self, repo: &str) -> String {
        let mut siblings = Vec::new();
        for (name, content) in &self.files {
            let sum = Sha256::digest(content).iter().fold(String::new(), |mut sum, byte| {
                write!(sum, "{byte:02x}").unwrap();
                sum
            });
            let size = content.len();
            let mut sibling =
                format!(r#"{{"rfilename":"{name}","size":{size},"blobId":"{}""#, &sum[..40]);
            if size > 1000 {
                write!(sibling, r#","lfs":{{"sha256":"{sum}","size":{size},"pointerSize":1}}"#)
                    .unwrap();
            }
            siblings.push(sibling + "}");
        }
        format!(
            r#"{{"id":"{repo}","sha":"{COMMIT}","gated":false,"cardData":{{"license":"openrail"}},"siblings":[{}]}}"#,
            siblings.join(",")
        )
    }
}

fn head(status: u16, length: usize, more: &str) -> String {
    format!("HTTP/1.1 {status} So\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n")
}
