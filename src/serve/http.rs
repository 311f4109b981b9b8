//! Who may ask, and how is answered: HTTP for this machine's user, and nobody else.
//!
//! Everything on a machine can reach a port of its loopback: the programs of other users, and every page of
//! the web that a browser has open. So whoever asks has to know the token, which is in the address that is
//! printed; and a browser that asks has to do so for our page, or because its user has opened the address.
//! A name of somebody else's that leads to 127.0.0.1 (DNS rebinding) is known by the `Host`.

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

/// Whoever takes longer to say what he wants is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request's head has so many bytes at most.
const MOST_BYTES: usize = 16 << 10;

/// So many connections at a time: a browser has six, and an open file is needed for each.
const MOST_CONNECTIONS: usize = 128;

/// What is said where there is nothing, whether or not who asks knows the token: most often it is the
/// learner, with an address of yesterday.
const NOTHING: &str = "There is nothing here. The address of the course is the one that `workshop serve` has \
                       printed; it is another one after each start.\n";

/// What no answer goes without. Nothing may be loaded but what comes from here, and nobody may keep the
/// answer, put it into a page of theirs, or learn the address from a link.
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

/// Lets in who may ask.
pub struct Gate {
    token: String,
    hosts: [String; 2],
}

/// What is asked for, by somebody who may.
#[derive(Debug, PartialEq, Eq)]
pub struct AdmittedRequest<'r> {
    /// Something is to be changed.
    pub post: bool,
    /// What comes behind `/TOKEN/`.
    pub path: &'r str,
    /// What comes behind `?`.
    pub query: &'r str,
}

/// What is answered.
pub enum Answer {
    /// A text of this type.
    Text(&'static str, String),
    /// Texts of the type of server-sent events, as they come.
    Events(Receiver<String>),
    /// To be had from another address, relative to the one that was asked for.
    At(String),
    /// There is no such thing.
    Nothing,
    /// Whoever asks may not, or not in this way: without a hint, as it may be somebody who tries.
    Refused(StatusCode),
}

impl Gate {
    /// A gate with a new token, for a port.
    ///
    /// # Errors
    /// The system has no randomness.
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

    /// What is asked for, by somebody who may.
    ///
    /// # Errors
    /// The answer for everybody else.
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
        // The page's links lead to what is beside it, and so behind the `/`.
        let path = path.ok_or_else(|| Answer::At(format!("{token}/")))?;
        if !post && request.method() != Method::GET {
            return Err(Answer::Refused(StatusCode::METHOD_NOT_ALLOWED));
        }
        if !request.body().is_end_stream() {
            return Err(Answer::Refused(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Ok(AdmittedRequest { post, path, query: request.uri().query().unwrap_or_default() })
    }

    /// The host as it was asked for, where it is this one.
    fn host<'r, B>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let host = only(request.headers(), &header::HOST)?;
        let named = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
        (named && self.hosts.iter().any(|ours| ours == host)).then_some(host)
    }
}

/// Is it asked for by our page, by a user who has opened the address, or by no browser at all?
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
    // A page that lets nobody know where it is sends its forms with an origin of `null`; the browser says
    // all the same that they are ours.
    let vouched = |origin: &str| origin == "null" && site == Some(b"same-origin");
    match only(headers, &header::ORIGIN) {
        Some(origin) => origin.strip_prefix("http://") == Some(host) || vouched(origin),
        None => !post && !headers.contains_key(header::ORIGIN),
    }
}

/// A header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let one = all.next()?;
    all.next().is_none().then(|| one.to_str().ok()).flatten()
}

/// Compares in a time that does not depend on where the difference is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let differs = a.iter().zip(b).fold(0, |differs, (a, b)| std::hint::black_box(differs | (a ^ b)));
    a.len() == b.len() && differs == 0
}

/// Answers until it is dropped; all connections end with it.
pub async fn serve(listener: &TcpListener, gate: &Gate, answer: &dyn Fn(&AdmittedRequest<'_>) -> Answer) {
    let mut connections = FuturesUnordered::new();
    // Where the system can open no more files, one has to be closed first.
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
    // Whoever breaks the protocol, or off, has nothing to be told.
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
    /// All of it, until it is sent.
    Whole(Option<Bytes>),
    /// What is told, when it is.
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
