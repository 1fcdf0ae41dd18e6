//! Bare hyper without any B2 logic: an upper bound for the server.

use super::*;

pub(super) fn bare_call() -> String {
    let body = "x".repeat(110);
    format!("POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 110\r\n\r\n{body}")
}

/// A server that accepts any request and sends as many bytes as configured. The path says what to
/// do with a body.
pub(super) struct Bare {
    pub(super) address: SocketAddr,
    stored: Arc<StoredBodies>,
}

/// Where bodies are stored.
pub(super) struct StoredBodies {
    memory: Mutex<Vec<Bytes>>,
    file: PathBuf,
}

impl Bare {
    pub(super) fn start(directory: &Path) -> Self {
        let stored = Arc::new(StoredBodies {
            memory: Mutex::default(),
            file: directory.join("bare"),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_io()
            .build()
            .unwrap();
        let shared = Arc::clone(&stored);
        thread::spawn(move || runtime.block_on(serve_bare(listener, shared)));
        Self { address, stored }
    }

    pub(super) fn upload(&self, path: &str, block: &[u8]) -> f64 {
        let length = BLOCKS << 20;
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        let time = upload(self.address, &head, block);
        self.stored.memory.lock().unwrap().clear();
        std::fs::remove_file(&self.stored.file).ok();
        time
    }
}

pub(super) async fn serve_bare(listener: std::net::TcpListener, stored: Arc<StoredBodies>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stored = Arc::clone(&stored);
        let service = service_fn(move |request| bare_answer(request, Arc::clone(&stored)));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async { connection.await.ok() });
    }
}

pub(super) async fn bare_answer(
    request: Request<Incoming>,
    stored: Arc<StoredBodies>,
) -> Result<Response<RepeatedBody>, Infallible> {
    let is_file = request.method() == Method::GET;
    let (head, mut body) = request.into_parts();
    let does = |what| head.uri.path().split('/').any(|it| it == what);
    let mut pieces = does("keep").then(Vec::new);
    let mut file = does("write").then(|| File::create(&stored.file).unwrap());
    let mut sha1 = does("sha1").then(Sha1::new);
    let mut md5 = does("md5").then(Md5::new);
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let bytes = frame.unwrap().into_data().unwrap();
        if let Some(sha1) = &mut sha1 {
            sha1.update(&bytes);
        }
        if let Some(md5) = &mut md5 {
            md5.update(&bytes);
        }
        if let Some(file) = &mut file {
            file.write_all(&bytes).unwrap();
        }
        match &mut pieces {
            Some(pieces) => pieces.push(bytes),
            None => drop(std::hint::black_box(bytes)),
        }
    }
    std::hint::black_box((sha1.map(Sha1::finalize), md5.map(Md5::finalize)));
    if let Some(pieces) = pieces {
        *stored.memory.lock().unwrap() = pieces;
    }
    let (chunk, left) = if is_file {
        (128 << 10, BLOCKS << 20)
    } else {
        (SMALL, SMALL)
    };
    Ok(Response::new(RepeatedBody {
        chunk: Bytes::from(vec![7; chunk]),
        left,
    }))
}

pub(super) struct RepeatedBody {
    chunk: Bytes,
    left: usize,
}

impl Body for RepeatedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = self.chunk.slice(..self.chunk.len().min(self.left));
        self.left -= chunk.len();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
