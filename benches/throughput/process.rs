//! The server of a benchmark, in a process of its own.

use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::Failure;

/// The argument that makes this program the server.
pub(crate) const ARGUMENT: &str = "--serve";

/// The process of the server, which is killed when this is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts the server with these additional arguments.
    pub(crate) fn start(more: &[&str]) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse()?;
        Ok(Self { process, port })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server runs until its input ends, which also happens when this process ends in any
        // way.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Runs the server until its input ends; `serve_connection` serves a connection, given the port.
pub(crate) fn serve(serve_connection: fn(TcpStream, u16) -> io::Result<()>) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    println!("{port}");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // A client may cut a response off.
                let expected = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
                if let Err(error) = serve_connection(stream, port)
                    && !expected.contains(&error.kind())
                {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
