//! HTTP for the user of this machine only: which requests are admitted, and how they are answered.
//!
//! Every program on a machine can reach a port on loopback: the programs of other users, and every web page that a
//! browser has open. So a request must contain the token, which is in the printed address; and a browser's request
//! must come from our page, or from a user who opened the address. A foreign name that resolves to 127.0.0.1 (DNS
//! rebinding) is recognised by the `Host` header.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

/// A client that takes longer to send its request is disconnected.
const PATIENCE: Duration = Duration::from_secs(10);

/// The maximum size of a request's head, in bytes.
const MOST_BYTES: usize = 16 << 10;

/// The maximum number of connections: a browser has six, and each takes an open file.
const MOST_CONNECTIONS: usize = 128;

/// The answer to an unknown address, with or without the token: most often it is the learner, with yesterday's
/// address.
const NOTHING: &str = "There is nothing here. `workshop serve` prints the address of the course, and it is a new one \
    after each start.\n";

/// The headers of every answer. The page may load only what comes from here; the answer may not be stored or framed,
/// and a link must not reveal the address.
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Decides which requests are admitted.
pub struct Gate {
    token: String,
    hosts: [String; 2],
}

/// An admitted request.
#[derive(Debug, PartialEq, Eq)]
pub struct AdmittedRequest<'r> {
    /// Something is to be changed.
    pub post: bool,
    /// What follows `/TOKEN/`.
    pub path: &'r str,
    /// What follows `?`.
    pub query: &'r str,
}

/// An answer.
pub enum Answer {
    /// A text of this type.
    Text(&'static str, String),
    /// Server-sent events, as they come.
    Events(Receiver<String>),
    /// A redirect to another address, relative to the requested one.
    At(String),
    /// There is no such thing.
    Nothing,
    /// The request is not allowed. The answer gives no hint, as it may be an attack.
    Refused(StatusCode),
}

impl Gate {
    /// A gate with a new token, for a port.
    ///
    /// # Errors
    /// The system can't provide random bytes.
    pub fn new(port: u16) -> Result<Gate, getrandom::Error> {
        let mut token = [0; 16];
        getrandom::fill(&mut token)?;
        let token = token.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Gate {
            token,
            hosts: [Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned()].map(|host| format!("{host}:{port}")),
        })
    }

    /// The address to open.
    pub fn address(&self) -> String {
        format!("http://{}/{}/", self.hosts[0], self.token)
    }

    /// An admitted request.
    ///
    /// # Errors
    /// The answer to a request that is not admitted.
    pub fn admit<'r, B: Body>(&self, request: &'r Request<B>) -> Result<AdmittedRequest<'r>, Answer> {
        let host = self.host(request).ok_or(Answer::Refused(StatusCode::FORBIDDEN))?;
        let post = request.method() == Method::POST;
        if !is_from_here(request, host, post) {
            return Err(Answer::Refused(StatusCode::FORBIDDEN));
        }
        let behind = request.uri().path().strip_prefix('/').unwrap_or_default();
        let (token, path) = behind.split_once('/').map_or((behind, None), |(token, path)| (token, Some(path)));
        if !is_same(token.as_bytes(), self.token.as_bytes()) {
            return Err(Answer::Nothing);
        }
        // The page's links are relative, so its address must end with `/`.
        let path = path.ok_or_else(|| Answer::At(format!("{token}/")))?;
        if !post && request.method() != Method::GET {
            return Err(Answer::Refused(StatusCode::METHOD_NOT_ALLOWED));
        }
        if !request.body().is_end_stream() {
            return Err(Answer::Refused(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Ok(AdmittedRequest { post, path, query: request.uri().query().unwrap_or_default() })
    }

    /// The requested host, if it is this one.
    fn host<'r, B>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let host = only(request.headers(), &header::HOST)?;
        let named = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
        (named && self.hosts.iter().any(|ours| ours == host)).then_some(host)
    }
}

/// Does the request come from our page, from a user who opened the address, or from no browser at all?
fn is_from_here<B>(request: &Request<B>, host: &str, post: bool) -> bool {
    let headers = request.headers();
    let said = |name| headers.get(HeaderName::from_static(name)).map(HeaderValue::as_bytes);
    let site = said("sec-fetch-site");
    let opened = request.method() == Method::GET
        && said("sec-fetch-mode") == Some(b"navigate")
        && said("sec-fetch-dest") == Some(b"document");
    if !matches!(site, None | Some(b"same-origin" | b"none")) && !opened {
        return false;
    }
    // A page with the policy `no-referrer` sends its forms with an origin of `null`; `Sec-Fetch-Site` still says that
    // they are ours.
    let vouched = |origin: &str| origin == "null" && site == Some(b"same-origin");
    match only(headers, &header::ORIGIN) {
        Some(origin) => origin.strip_prefix("http://") == Some(host) || vouched(origin),
        None => !post && !headers.contains_key(header::ORIGIN),
    }
}

/// The value of a header that is there exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?;
    all.next().is_none().then(|| one.to_str().ok()).flatten()
}

/// Compares in constant time.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let differs = a.iter().zip(b).fold(0, |differs, (a, b)| std::hint::black_box(differs | (a ^ b)));
    a.len() == b.len() && differs == 0
}

/// Answers until it is dropped; all connections end with it.
pub async fn serve(listener: &TcpListener, gate: &Gate, answer: &dyn Fn(&AdmittedRequest<'_>) -> Answer) {
    let mut connections = FuturesUnordered::new();
    // If the system can't open more files, a connection has to close first.
    let mut full = false;
    loop {
        tokio::select! {
            accepted = listener.accept(), if !full && connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => connections.push(connection(stream, gate, answer)),
                Err(_) => full = !connections.is_empty(),
            },
            Some(()) = connections.next() => full = false,
        }
    }
}

async fn connection(stream: TcpStream, gate: &Gate, answer: &dyn Fn(&AdmittedRequest<'_>) -> Answer) {
    let service = service_fn(|request: Request<Incoming>| {
        let answered = gate.admit(&request).map_or_else(|refused| refused, |asked| answer(&asked));
        std::future::ready(Ok::<_, Infallible>(answered.response()))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MOST_BYTES).max_headers(64);
    // Ignore protocol errors and disconnects: no client is left to answer.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

impl Answer {
    fn response(self) -> Response<ResponseBody> {
        let whole = |text: String| ResponseBody::Whole(Some(text.into()));
        let (status, header, sent) = match self {
            Answer::Text(kind, text) => (StatusCode::OK, Some((header::CONTENT_TYPE, kind.to_owned())), whole(text)),
            Answer::Events(events) => (
                StatusCode::OK,
                Some((header::CONTENT_TYPE, "text/event-stream".to_owned())),
                ResponseBody::Told(events),
            ),
            Answer::At(address) => {
                (StatusCode::SEE_OTHER, Some((header::LOCATION, address)), ResponseBody::Whole(None))
            }
            Answer::Nothing => (
                StatusCode::NOT_FOUND,
                Some((header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())),
                whole(NOTHING.to_owned()),
            ),
            Answer::Refused(status) => (status, None, ResponseBody::Whole(None)),
        };
        let mut response = Response::new(sent);
        *response.status_mut() = status;
        let always = ALWAYS.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let own = header.and_then(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)));
        response.headers_mut().extend(always.into_iter().chain(own));
        response
    }
}

/// The body of an answer.
enum ResponseBody {
    /// The whole body, until it is sent.
    Whole(Option<Bytes>),
    /// Events, as they come.
    Told(Receiver<String>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match self.get_mut() {
            ResponseBody::Whole(text) => Poll::Ready(text.take()),
            ResponseBody::Told(events) => events.poll_recv(context).map(|event| event.map(Bytes::from)),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ResponseBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Whole(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            ResponseBody::Told(_) => SizeHint::default(),
        }
    }
}
