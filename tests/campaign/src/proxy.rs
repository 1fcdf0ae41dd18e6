//! [`Proxy`]: a network between a client and a server with random faults.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use socket2::SockRef;

use crate::fault::{Close, Fault, PAGE};
use crate::http_relay::{BodyEnd, Head, pass};

/// The longest wait for a silent peer.
const IDLE: Duration = Duration::from_secs(20);

/// How long a silent connection lasts.
const SILENCE: Duration = Duration::from_millis(300);

/// A proxy on loopback, which stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: OnceLock<SocketAddr>,
    seed: u64,
    percent: AtomicU64,
    exchanges: AtomicU64,
    stopped: AtomicBool,
    fault_counts: Mutex<BTreeMap<&'static str, u64>>,
    armed: Mutex<Option<Armed>>,
    /// Credentials and tokens that clients have sent.
    tokens: Mutex<BTreeSet<String>>,
}

/// A fault that hits one exchange.
#[derive(Debug, Clone, Copy)]
struct Armed {
    fault: Fault,
    /// How many exchanges that it concerns it lets pass.
    passes: u64,
    has_struck: bool,
}

/// Whether a connection can be reused.
type Reusable = bool;

impl Proxy {
    /// Starts a proxy that fails `percent` of the exchanges, chosen by `seed`. Nothing is forwarded before
    /// [`forward_to`](Self::forward_to).
    pub fn start(seed: u64, percent: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: OnceLock::new(),
            seed,
            percent: percent.into(),
            exchanges: 0.into(),
            stopped: false.into(),
            fault_counts: Mutex::default(),
            armed: Mutex::default(),
            tokens: Mutex::default(),
        });
        let its = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if its.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), its) = (client, Arc::clone(&its)) else {
                    continue;
                };
                // A broken connection is what this is for.
                thread::spawn(move || drop(its.serve(&client)));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn forward_to(&self, server: SocketAddr) {
        self.shared.upstream.set(server).unwrap();
    }

    /// Stops injecting faults.
    pub fn stop_faults(&self) {
        self.shared.percent.store(0, Ordering::Relaxed);
    }

    /// Injects this fault into one exchange, after so many others that it concerns.
    pub fn arm(&self, fault: Fault, passes: u64) {
        *self.shared.armed.lock().unwrap() = Some(Armed {
            fault,
            passes,
            has_struck: false,
        });
    }

    /// Takes the armed fault back. Whether it has struck.
    pub fn disarm(&self) -> bool {
        let armed = self.shared.armed.lock().unwrap().take();
        armed.is_some_and(|armed| armed.has_struck)
    }

    /// How often each fault was injected.
    pub fn fault_counts(&self) -> BTreeMap<&'static str, u64> {
        self.shared.fault_counts.lock().unwrap().clone()
    }

    pub fn exchanges(&self) -> u64 {
        self.shared.exchanges.load(Ordering::Relaxed)
    }

    /// All tokens and keys that were seen.
    pub fn tokens(&self) -> BTreeSet<String> {
        self.shared.tokens.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// The armed fault, if this exchange is its turn.
    fn armed(&self, is_upload: bool, is_download: bool) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let armed = armed.as_mut().filter(|armed| !armed.has_struck)?;
        if !armed.fault.concerns(is_upload, is_download) {
            return None;
        }
        if armed.passes > 0 {
            armed.passes -= 1;
            return None;
        }
        armed.has_struck = true;
        self.count(&armed.fault);
        Some(armed.fault)
    }

    fn count(&self, fault: &Fault) {
        let mut counts = self.fault_counts.lock().unwrap();
        *counts.entry(fault.name()).or_default() += 1;
    }

    fn choose(&self, head: &Head) -> Option<Fault> {
        let number = self.exchanges.fetch_add(1, Ordering::Relaxed);
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(1_000_003).wrapping_add(number));
        // The first numbers of neighbouring seeds are alike.
        rng.u64(..);
        if rng.u64(..100) >= self.percent.load(Ordering::Relaxed) {
            return None;
        }
        let body = match head.request_body() {
            BodyEnd::After(len) => len as usize,
            BodyEnd::Unknown => 0,
        };
        let fault = Fault::any(&mut rng, (body + head.0.len()).max(40_000));
        self.count(&fault);
        Some(fault)
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(IDLE))?;
        client.set_write_timeout(Some(IDLE))?;
        client.set_nodelay(true)?;
        let mut requests = BufReader::new(client);
        let mut server = None;
        while let Some(head) = Head::read(&mut requests)? {
            if let Some(token) = head.header("authorization") {
                let token = token.strip_prefix("Basic ").unwrap_or(&token);
                self.tokens.lock().unwrap().insert(token.to_owned());
            }
            let target = head.second_word();
            let is_upload = target.contains("b2_upload");
            let is_download = target.starts_with("/file/") || target.contains("b2_download");
            let fault = self
                .armed(is_upload, is_download && head.method() != "HEAD")
                .or_else(|| self.choose(&head));
            if let Some(Fault::Refuse(how)) = fault {
                return close(client, how);
            }
            if let Some(Fault::EarlyAnswer { status, b2 }) = fault {
                return early_answer(client, status, b2);
            }
            let upstream = match server.take() {
                Some(server) => server,
                None => {
                    let address = *self.upstream.get().ok_or(io::ErrorKind::NotConnected)?;
                    let server = TcpStream::connect(address)?;
                    server.set_read_timeout(Some(IDLE))?;
                    server.set_write_timeout(Some(IDLE))?;
                    server.set_nodelay(true)?;
                    server
                }
            };
            let exchange = Exchange {
                client,
                server: &upstream,
                fault,
                is_upload,
                is_download,
            };
            if !exchange.run(&mut requests, head)? {
                return Ok(());
            }
            server = Some(upstream);
        }
        Ok(())
    }
}

struct Exchange<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    fault: Option<Fault>,
    is_upload: bool,
    is_download: bool,
}

impl Exchange<'_> {
    fn run(&self, requests: &mut BufReader<&TcpStream>, head: Head) -> io::Result<Reusable> {
        let method = head.method();
        if let Some(Fault::DelayRequest(time)) = self.fault {
            thread::sleep(time);
        }
        let BodyEnd::After(len) = head.request_body() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        thread::scope(|scope| {
            let sending = scope.spawn(|| self.request(requests, &head, len));
            let received = self.response(&method);
            if !matches!(received, Ok(true)) {
                // Wakes those that still wait for the rest of the request.
                self.end();
            }
            let sent = sending.join().unwrap();
            Ok(sent? && received?)
        })
    }

    fn end(&self) {
        let _ = self.server.shutdown(Shutdown::Both);
        let _ = self.client.shutdown(Shutdown::Both);
    }

    /// Forwards the request. `false` if it was cut off.
    fn request(
        &self,
        requests: &mut BufReader<&TcpStream>,
        head: &Head,
        len: u64,
    ) -> io::Result<bool> {
        let mut server = self.server;
        if let Some(Fault::CutRequest { after, how }) = self.fault {
            let total = head.0.len() as u64 + len;
            let after = after as u64 % total;
            let in_head = (after as usize).min(head.0.len());
            server.write_all(&head.0[..in_head])?;
            pass(requests, &mut server, after - in_head as u64, |_, _| true)?;
            close(self.server, how)?;
            close(self.client, how)?;
            self.end();
            return Ok(false);
        }
        let slowly = self.fault == Some(Fault::DribbleRequest);
        write(server, &head.0, slowly)?;
        let flipped = match self.fault {
            Some(Fault::FlipUpload { at }) if self.is_upload && len > 0 => Some(at as u64 % len),
            _ => None,
        };
        pass(requests, &mut server, len, |at, piece| {
            if let Some(flipped) = flipped {
                flip(piece, flipped.wrapping_sub(at));
            }
            true
        })?;
        Ok(true)
    }

    /// Forwards the response. `false` if the connection can't be reused.
    fn response(&self, method: &str) -> io::Result<Reusable> {
        let mut responses = BufReader::new(self.server);
        let mut client = self.client;
        let head = loop {
            let head = Head::read(&mut responses)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if head.status() >= 200 {
                break head;
            }
            client.write_all(&head.0)?;
        };
        let end = head.response_body(method);
        let closes = head.header("connection").is_some_and(|it| it == "close");
        match self.fault {
            Some(Fault::DelayResponse(time)) => thread::sleep(time),
            Some(Fault::Silence) => {
                // For a while, or until the client hangs up.
                self.server.shutdown(Shutdown::Both)?;
                self.client.set_read_timeout(Some(SILENCE))?;
                let _ = self.client.peek(&mut [0]);
                return Ok(false);
            }
            Some(Fault::Stranger { status }) => {
                let page = page(status);
                client.write_all(page.as_bytes())?;
                linger(self.client);
                return Ok(false);
            }
            Some(Fault::Interim(count)) => {
                for _ in 0..count {
                    client.write_all(
                        b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
                    )?;
                }
            }
            _ => {}
        }
        let len = match end {
            BodyEnd::After(len) => len,
            BodyEnd::Unknown => {
                client.write_all(&head.0)?;
                io::copy(&mut responses, &mut client)?;
                return Ok(false);
            }
        };
        if let Some(Fault::CutResponse { after, how }) = self.fault {
            self.cut_response(&mut responses, &head, len, after)?;
            close(self.client, how)?;
            return Ok(false);
        }
        if let Some(Fault::HalfClose { after }) = self.fault {
            self.cut_response(&mut responses, &head, len, after)?;
            linger(self.client);
            return Ok(false);
        }
        let head = match self.fault {
            Some(Fault::DuplicateLength { same }) => {
                let len = if same { len } else { len + 1 };
                head.with_line(&format!("Content-Length: {len}"))
            }
            Some(Fault::OldVersion) => head.in_old_version(),
            _ => head,
        };
        write(client, &head.0, self.fault == Some(Fault::DribbleResponse))?;
        let flipped = match self.fault {
            Some(Fault::FlipDownload { at })
                if self.is_download && len > 0 && head.status() < 300 =>
            {
                Some(at as u64 % len)
            }
            _ => None,
        };
        pass(&mut responses, &mut client, len, |at, piece| {
            if let Some(flipped) = flipped {
                flip(piece, flipped.wrapping_sub(at));
            }
            true
        })?;
        match self.fault {
            Some(Fault::Garbage(bytes)) => {
                client.write_all(bytes)?;
                Ok(true)
            }
            Some(Fault::OldVersion) => {
                linger(self.client);
                Ok(false)
            }
            _ => Ok(!closes),
        }
    }

    fn cut_response(
        &self,
        responses: &mut impl Read,
        head: &Head,
        len: u64,
        after: usize,
    ) -> io::Result<()> {
        let mut client = self.client;
        let after = after as u64 % (head.0.len() as u64 + len);
        let in_head = (after as usize).min(head.0.len());
        client.write_all(&head.0[..in_head])?;
        pass(responses, &mut client, after - in_head as u64, |_, _| true)?;
        Ok(())
    }
}

fn flip(piece: &mut [u8], at: u64) {
    let at = usize::try_from(at).ok();
    if let Some(byte) = at.and_then(|at| piece.get_mut(at)) {
        *byte ^= 1;
    }
}

fn write(mut to: &TcpStream, bytes: &[u8], slowly: bool) -> io::Result<()> {
    if !slowly {
        return to.write_all(bytes);
    }
    for piece in bytes.chunks(7) {
        to.write_all(piece)?;
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

fn close(stream: &TcpStream, how: Close) -> io::Result<()> {
    match how {
        Close::Fin => stream.shutdown(Shutdown::Both),
        // Dropping it is what resets it.
        Close::Reset => SockRef::from(stream).set_linger(Some(Duration::ZERO)),
    }
}

/// Shuts down the sending side, and reads until the client closes.
fn linger(client: &TcpStream) {
    let _ = client.shutdown(Shutdown::Write);
    let _ = client.set_read_timeout(Some(Duration::from_secs(2)));
    let mut client = client;
    let _ = io::copy(&mut client, &mut io::sink());
}

fn page(status: u16) -> String {
    let mut more = "Server: a-stranger\r\n".to_owned();
    if matches!(status, 302 | 307) {
        more.push_str("Location: https://login.example.com/\r\n");
    }
    format!(
        "HTTP/1.1 {status} No\r\n{more}Content-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{PAGE}",
        PAGE.len()
    )
}

fn early_answer(mut client: &TcpStream, status: u16, b2: bool) -> io::Result<()> {
    let response = if b2 {
        let body =
            format!(r#"{{"code":"service_unavailable","message":"busy","status":{status}}}"#);
        format!(
            "HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    } else {
        page(status)
    };
    client.write_all(response.as_bytes())?;
    linger(client);
    Ok(())
}
