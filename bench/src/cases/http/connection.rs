//! The clients' side of a connection, with as little work as possible: in reality it is that of other machines, but here it takes the
//! service's time.

use crate::error::{BenchError, Result};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

/// Connections of one load, the last used one last.
#[derive(Clone)]
pub(super) struct Connections {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<ClientConnection>>>,
}

struct ClientConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connections {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, idle: Arc::default() }
    }

    /// Sends a request, given as bytes, and reads the whole response. Fails unless it is 200.
    pub(super) async fn send(&self, request: &[u8]) -> Result<()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => ClientConnection::open(self.address).await.map_err(BenchError::io("a connection"))?,
        };
        connection.write(request).await.map_err(BenchError::io("a request"))?;
        connection.read_response().await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }
}

impl ClientConnection {
    async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024) })
    }

    async fn write(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read_response(&mut self) -> Result<()> {
        self.received.clear();
        loop {
            self.stream.readable().await.map_err(BenchError::io("a response"))?;
            let mut chunk = [0; 8 * 1024];
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Err(self.unexpected()),
                Ok(length) => {
                    self.received.extend_from_slice(chunk.get(..length).unwrap_or_default());
                    if self.has_all()? {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(BenchError::io("a response")(error)),
            }
        }
    }

    /// Whether the response is complete. The service sends the lengths of these.
    fn has_all(&self) -> Result<bool> {
        let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Ok(false);
        };
        let head = String::from_utf8_lossy(self.received.get(..end).unwrap_or_default());
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                value.trim().parse::<usize>().ok()
            } else {
                None
            }
        });
        match length {
            Some(length) if self.received.len() < end + 4 + length => Ok(false),
            Some(_) if head.starts_with("HTTP/1.1 200 ") => Ok(true),
            _ => Err(self.unexpected()),
        }
    }

    fn unexpected(&self) -> BenchError {
        BenchError::Failed(format!("the service returned {}", String::from_utf8_lossy(&self.received)))
    }
}
