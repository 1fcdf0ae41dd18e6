//! [`transfer`]: the lower bound. Blocking sockets, with a thread and a connection for each concurrent transfer, hashed
//! in place.
//!
//! It does only what every client has to do: reads the file once into a reused buffer, hashes it, sends head, bytes and
//! SHA-1 with one system call, and compares the SHA-1 in the response. It checks nothing else, and does not retry.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use b2kit::types::{Sha1, Sha1Hasher};

use crate::Failure;
use crate::bare::same;
use crate::disk::Disk;
use crate::file::{File, chunk};
use crate::load::{Load, Task};

/// The size of b2kit's reads.
const BUFFER: usize = 256 << 10;

/// Transfers all files of the load.
pub(crate) fn transfer(port: u16, disk: Disk<'_>, load: Load, file: &File) -> Result<(), Failure> {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..load.at_once)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(port)?;
                    while next.fetch_add(1, Ordering::Relaxed) < load.files {
                        connection.carry_out(disk, load.task, file)?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a worker panicked")?)
    })
}

/// A connection that is kept alive.
struct Connection {
    input: BufReader<TcpStream>,
    /// The head and the bytes of a request.
    request: Vec<u8>,
    line: String,
    chunk: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            input: BufReader::with_capacity(BUFFER, stream),
            request: Vec::new(),
            line: String::new(),
            chunk: vec![0; BUFFER],
        })
    }

    fn carry_out(&mut self, disk: Disk<'_>, task: Task, file: &File) -> Result<(), Failure> {
        match task {
            Task::Up => self.upload(file, |request, len| {
                request.extend_from_slice(chunk(len));
                Ok(())
            }),
            Task::UpFromDisk => self.upload(file, |request, _| {
                std::fs::File::open(disk.source())?.read_to_end(request)?;
                Ok(())
            }),
            Task::Down => self.download(file, &mut io::sink()),
            Task::Fetch => {
                let mut target = std::fs::File::create(disk.target())?;
                self.download(file, &mut target)?;
                Ok(target.sync_all()?)
            }
            Task::Send | Task::SendOnce | Task::FetchUnverified => {
                Err("it only transfers small files, and downloads".into())
            }
        }
    }

    fn upload(
        &mut self,
        file: &File,
        read: impl FnOnce(&mut Vec<u8>, u64) -> io::Result<()>,
    ) -> Result<(), Failure> {
        self.request.clear();
        write!(
            self.request,
            "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: t\r\n\
             X-Bz-File-Name: file\r\nX-Bz-Content-Sha1: hex_digits_at_end\r\n\
             Content-Type: b2/x-auto\r\nContent-Length: {}\r\n\r\n",
            file.len + 40
        )?;
        let head = self.request.len();
        read(&mut self.request, file.len)?;
        let sha1 = Sha1::of(self.request.get(head..).unwrap_or_default());
        self.request.extend_from_slice(&sha1.hex());
        self.input.get_mut().write_all(&self.request)?;
        let len = usize::try_from(self.head()?)?;
        let document = self.chunk.get_mut(..len).ok_or("a long response")?;
        self.input.read_exact(document)?;
        let stored: b2kit::types::FileVersion = serde_json::from_slice(document)?;
        same(stored.content_sha1.sha1().copied(), file)
    }

    fn download(&mut self, file: &File, target: &mut impl io::Write) -> Result<(), Failure> {
        let id = file.id();
        self.request.clear();
        write!(
            self.request,
            "GET /b2api/v4/b2_download_file_by_id?fileId={id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Authorization: t\r\n\r\n"
        )?;
        self.input.get_mut().write_all(&self.request)?;
        let mut left = self.head()?;
        let mut hasher = Sha1Hasher::default();
        while left > 0 {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Err("the response ended early".into());
            }
            hasher.update(bytes);
            target.write_all(bytes)?;
            let read = bytes.len();
            self.input.consume(read);
            left = left.saturating_sub(read as u64);
        }
        same(Some(hasher.finish()), file)
    }

    /// Reads the head of a response, and returns the length of its body.
    fn head(&mut self) -> Result<u64, Failure> {
        let mut len = None;
        loop {
            self.line.clear();
            self.input.read_line(&mut self.line)?;
            let line = self.line.trim_end();
            if line.is_empty() {
                return len.ok_or_else(|| "a response without a length".into());
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                len = Some(value.parse()?);
            }
        }
    }
}
