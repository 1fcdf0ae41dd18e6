//! [`RawServer`]: a server that does nothing by itself. The case accepts, reads and writes step by step.
//!
//! It uses plain `std::net`, so that it can misbehave in any way and works with any backend. All waits are bounded: a
//! case panics and never hangs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

/// The longest wait for anything that must happen.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A listener on loopback.
#[derive(Debug)]
pub struct RawServer {
    sockets: Receiver<TcpStream>,
    accept_loop: AcceptLoop,
}

/// The thread that accepts connections. It ends with this value.
#[derive(Debug)]
struct AcceptLoop {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
}

impl AcceptLoop {
    fn open() -> (Self, Receiver<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let accept_loop = Self {
            address: listener.local_addr().expect("its address"),
            accepted: Arc::default(),
            closed: Arc::default(),
        };
        let (accepted, closed) = (
            Arc::clone(&accept_loop.accepted),
            Arc::clone(&accept_loop.closed),
        );
        let (sender, sockets) = channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    break;
                }
                accepted.fetch_add(1, Ordering::SeqCst);
                if sender.send(socket.expect("a connection")).is_err() {
                    break;
                }
            }
        });
        (accept_loop, sockets)
    }

    fn uri(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for AcceptLoop {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(self.address);
    }
}

impl RawServer {
    /// A server that accepts connections and does nothing else.
    #[must_use]
    pub fn start() -> Self {
        let (accept_loop, sockets) = AcceptLoop::open();
        Self {
            sockets,
            accept_loop,
        }
    }

    /// A server that runs `script` on a thread for each connection.
    pub fn scripted(script: impl Fn(Peer) + Clone + Send + 'static) -> ScriptedServer {
        let (accept_loop, sockets) = AcceptLoop::open();
        thread::spawn(move || {
            for socket in sockets {
                let script = script.clone();
                thread::spawn(move || script(Peer::plain(socket)));
            }
        });
        ScriptedServer { accept_loop }
    }

    /// An http URI on this server.
    #[must_use]
    pub fn uri(&self, target: &str) -> String {
        self.accept_loop.uri(target)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.accept_loop.address.port()
    }

    /// The number of connections so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accept_loop.accepted()
    }

    /// The next connection.
    pub fn accept(&self) -> Peer {
        Peer::plain(self.socket())
    }

    /// The next connection, with TLS. The handshake happens when something is read or written.
    pub fn accept_tls(&self, config: &Arc<ServerConfig>) -> Peer {
        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
        let stream = StreamOwned::new(connection, self.socket());
        Peer::new(Stream::Tls(Box::new(stream)))
    }

    /// The next connection, or `None` if `over` returns `true` before there is one.
    pub fn accept_unless(&self, over: impl Fn() -> bool) -> Option<Peer> {
        for _ in 0..WAIT_TIMEOUT.as_millis() / 10 {
            let was_over = over();
            match self.sockets.recv_timeout(Duration::from_millis(10)) {
                Ok(socket) => return Some(Peer::plain(socket)),
                Err(_) if was_over => return None,
                Err(_) => {}
            }
        }
        panic!("neither a connection nor an end comes");
    }

    fn socket(&self) -> TcpStream {
        self.sockets
            .recv_timeout(WAIT_TIMEOUT)
            .expect("a connection comes")
    }
}

/// A [`RawServer`] whose connections are served by threads.
#[derive(Debug)]
pub struct ScriptedServer {
    accept_loop: AcceptLoop,
}

impl ScriptedServer {
    /// An http URI on this server.
    #[must_use]
    pub fn uri(&self, target: &str) -> String {
        self.accept_loop.uri(target)
    }

    /// The number of connections so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accept_loop.accepted()
    }
}

/// The server's end of one connection.
#[derive(Debug)]
pub struct Peer {
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Peer {
    fn plain(socket: TcpStream) -> Self {
        Self::new(Stream::Plain(socket))
    }

    fn new(stream: Stream) -> Self {
        let socket = stream.socket();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
        socket.set_write_timeout(Some(WAIT_TIMEOUT)).unwrap();
        Self { stream }
    }

    /// Whether the TLS handshake resumed the session of an earlier connection.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        match &self.stream {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// The head of the next request, or `None` if the client closes the connection.
    pub fn next_head(&mut self) -> Option<Head> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(0) => {
                    assert!(
                        bytes.is_empty(),
                        "the client closed in the middle of a head"
                    );
                    return None;
                }
                Ok(_) => bytes.push(byte[0]),
                Err(e) if bytes.is_empty() && e.kind() == io::ErrorKind::ConnectionReset => {
                    return None;
                }
                Err(e) => panic!("no head: {e}"),
            }
        }
        Some(Head::parse(&bytes))
    }

    /// The head of the next request, which must come.
    pub fn head(&mut self) -> Head {
        self.next_head().expect("a request comes")
    }

    /// The next `len` bytes of a body.
    pub fn body(&mut self, len: usize) -> Vec<u8> {
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body).expect("a body comes");
        body
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the client listens");
    }

    /// Sends these bytes to a client that may be gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// Reads until the client closes or resets the connection, and returns the number of bytes.
    pub fn drain(&mut self) -> u64 {
        let mut total = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return total,
                Ok(n) => total += n as u64,
                Err(e) if is_timeout(&e) => panic!("the client doesn't close"),
                Err(_) => return total,
            }
        }
    }

    /// Shuts down the sending side, for a client that may be gone.
    pub fn try_finish(&self) -> io::Result<()> {
        self.stream.socket().shutdown(Shutdown::Write)
    }

    /// Shuts down the sending side. What the client sends can still be read.
    pub fn finish(&self) {
        self.stream.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Closes the connection with a reset.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(self.stream.socket());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// A request's head as it was on the wire.
#[derive(Debug)]
pub struct Head {
    /// The request line.
    pub line: String,
    /// The header lines, in order; each char is a byte.
    pub headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        // Byte for byte: a header's value need not be UTF-8.
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        let text = text.strip_suffix("\r\n\r\n").unwrap();
        let mut lines = text.split("\r\n");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header line");
            (name.to_owned(), value.trim_matches(' ').to_owned())
        };
        Self {
            line: lines.next().unwrap().to_owned(),
            headers: lines.map(header).collect(),
        }
    }

    /// The request target.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).expect("a request line")
    }

    /// All values of one header.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        let headers = self.headers.iter().filter(named);
        headers.map(|(_, value)| value.as_str()).collect()
    }
}
