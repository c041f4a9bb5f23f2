//! A web server for a directory: hyper on our sockets, files through `marmot::fs`.
//!
//! hyper brings HTTP, and knows of us only two traits for bytes and one for timers. Look at
//! `FileBody`, which reads the next piece of a file when hyper asks for it, and at `serve`, which
//! ends a connection when its request is done. In Go: `http.FileServer(http.Dir("."))`.
//! It does not know `Range`, and sends the whole file then, as a server may.
//! Arguments: the directory, and the address to listen on.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

use futures::io::AsyncRead;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use marmot::fs::{self, File};
use marmot::net::{TcpListener, TcpStream, hyper::Timer};
use marmot::prelude::*;
use marmot::signal::{self, Signal};

/// So much is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// Who has not read his answer by then is cut off when the server ends.
const GRACE: Duration = secs(5);

#[marmot::main]
pub(crate) async fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let root = args.get(1).map_or(".", String::as_str);
    // Without links, so that one can tell what is below it.
    let root: Arc<Path> = fs::canonicalize(root).await?.into();
    let addr = args.get(2).map_or("127.0.0.1:8080", String::as_str);
    let background = Context::background();
    let (ctx, _stop) = signal::notify_context(&background, &[Signal::INT, Signal::TERM]);
    let listener = TcpListener::bind(addr).await?;
    println!("{} on http://{}", root.display(), listener.local_addr()?);

    let connections = WaitGroup::new();
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connections.go(serve(stream, Arc::clone(&root), ctx.clone())),
                // Too many connections, perhaps: it has rested, and later there may be fewer.
                Err(error) => println!("accept: {error}"),
            },
            _ = ctx.done() => break,
        }
    }
    drop(listener);
    match timeout(GRACE, connections.wait()).await {
        Ok(()) => println!("all have finished"),
        Err(_) => println!("some have not finished"),
    }
    Ok(())
}

/// One connection, with as many requests as its client likes.
async fn serve(stream: TcpStream, root: Arc<Path>, ctx: Context) {
    let service = service_fn(|request| {
        let root = Arc::clone(&root);
        async move { Ok::<_, Infallible>(answer(&root, &request).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(Timer)
            .serve_connection(stream, service)
    );
    // What goes wrong concerns this client only, which knows.
    let _ended = select! {
        ended = connection.as_mut() => ended,
        _ = ctx.done() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}

async fn answer(root: &Path, request: &Request<Incoming>) -> Response<FileBody> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED);
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(path) = path_below(root, request.uri().path()) else {
        return plain(StatusCode::BAD_REQUEST);
    };
    match open(root, path).await {
        Ok((kind, body)) => {
            let mut found = Response::new(body);
            found
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            found
        }
        Err(error) => plain(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StatusCode::NOT_FOUND,
            io::ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }),
    }
}

/// The file at this path, or the index of the directory there, and what kind of file it is.
async fn open(root: &Path, mut path: PathBuf) -> io::Result<(&'static str, FileBody)> {
    let mut real = resolve(root, &path).await?;
    if fs::metadata(&real).await?.is_dir() {
        path.push("index.html");
        real = resolve(root, &path).await?;
    }
    if !fs::metadata(&real).await?.is_file() {
        // A FIFO or a device: opening one may wait for somebody, and it has no length to announce.
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let file = File::open(&real).await?;
    let left = file.metadata().await?.len();
    Ok((content_type(&path), FileBody::File { file, left }))
}

/// Where this leads, if that is below `root`: a link may lead anywhere.
async fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let real = fs::canonicalize(path).await?;
    match real.starts_with(root) {
        true => Ok(real),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

/// A path below `root`; `None` for one that leads out of it, or is none.
fn path_below(root: &Path, path: &str) -> Option<PathBuf> {
    let decoded = PathBuf::from(decode(path)?);
    let mut whole = root.to_owned();
    for component in decoded.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => whole.push(name),
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(whole)
}

/// `%20` is a space.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok().filter(|&byte| byte != 0)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(OsStr::to_str) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("txt" | "md" | "rs" | "toml") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// The status in words.
fn plain(status: StatusCode) -> Response<FileBody> {
    let text = Bytes::from(format!("{status}\n"));
    let mut response = Response::new(FileBody::Text(Some(text)));
    *response.status_mut() = status;
    response
}

/// A body that is read while it is sent.
enum FileBody {
    Text(Option<Bytes>),
    File { file: File, left: u64 },
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let (file, left) = match self.get_mut() {
            FileBody::Text(text) => {
                return Poll::Ready(text.take().map(|text| Ok(Frame::data(text))));
            }
            FileBody::File { left: 0, .. } => return Poll::Ready(None),
            FileBody::File { file, left } => (file, left),
        };
        // What the file has grown by since its length was announced is left out.
        let most = usize::try_from(*left).map_or(PIECE, |left| left.min(PIECE));
        let mut piece = vec![0; most];
        let got = ready!(Pin::new(file).poll_read(cx, &mut piece))?;
        if got == 0 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        *left -= got as u64;
        piece.truncate(got);
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, FileBody::Text(None) | FileBody::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            FileBody::Text(text) => text.as_ref().map_or(0, |text| text.len() as u64),
            FileBody::File { left, .. } => *left,
        })
    }
}
