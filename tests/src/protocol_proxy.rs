//! A proxy before a test server that counts a client's requests and can stop it at any of these boundaries: the complete
//! crash matrix of a program is one run per boundary.
//!
//! A boundary is a message that makes the server do something: a simple query, the `Sync` that ends an
//! extended-protocol statement, the end of a COPY. They are counted over all connections in the order of
//! arrival, from 1. Once stopped, the proxy forwards nothing in either direction; the test decides whether the client is
//! killed or left with cut connections.

mod message;

use message::{Frontend, MessageReader, ReadyState, Startup};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Where a client is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The server never gets the message.
    Before(usize),
    /// The server has executed it and replied; the client never gets the reply.
    After(usize),
}

impl Stop {
    /// The boundary's number.
    pub const fn number(self) -> usize {
        match self {
            Self::Before(number) | Self::After(number) => number,
        }
    }
}

/// One message that made the server do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBoundary {
    /// Its number among all of them, from 1.
    pub number: usize,
    /// The connection that it came on, from 0.
    pub connection: usize,
    /// The statement, or the kind of message.
    pub what: String,
    /// Whether a transaction was open before it, and is open after it if the server has replied.
    pub in_transaction: (bool, Option<bool>),
}

impl ServerBoundary {
    /// Whether it ended a transaction: then it matters whether the client gets the reply.
    pub fn ends_transaction(&self) -> bool {
        self.in_transaction == (true, Some(false))
    }

    /// Whether it only prepared a statement: the server has executed nothing yet.
    pub fn is_preparation(&self) -> bool {
        self.what.starts_with(message::PREPARATION)
    }
}

/// The proxy. When dropped, it cuts what is left.
#[derive(Debug)]
pub struct ProtocolProxy {
    url: String,
    address: SocketAddr,
    shared: Arc<SharedProxy>,
}

impl ProtocolProxy {
    /// Forwards everything to the server of a URL, and counts.
    pub fn counting(url: &str) -> Self {
        Self::start(url, None)
    }

    /// Forwards until a boundary.
    pub fn stopping(url: &str, stop: Stop) -> Self {
        Self::start(url, Some(stop))
    }

    fn start(url: &str, stop: Option<Stop>) -> Self {
        let (before, server, after) = split(url);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("the port's number");
        let server = server.to_socket_addrs().expect("the server's address").next().expect("an address");
        let shared = Arc::new(SharedProxy { stop, state: Mutex::default(), changed: Condvar::new() });
        let listener_shared = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if listener_shared.state().is_cut {
                    break;
                }
                if let Ok(client) = client {
                    // A server that is down is a client without connection.
                    let _ = connect(&listener_shared, client, server);
                }
            }
        });
        Self { url: format!("{before}{address}{after}"), address, shared }
    }

    /// The same database, through this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The boundaries so far.
    pub fn boundaries(&self) -> Vec<ServerBoundary> {
        self.shared.state().boundaries.clone()
    }

    /// The rows that the server has sent so far.
    pub fn rows(&self) -> usize {
        self.shared.state().rows
    }

    /// Whether the client was stopped.
    pub fn has_stopped(&self) -> bool {
        self.shared.state().stopped_at.is_some()
    }

    /// The boundary at which the client was stopped.
    pub fn stopped_at(&self) -> Option<ServerBoundary> {
        let state = self.shared.state();
        state.boundaries.get(state.stopped_at?.checked_sub(1)?).cloned()
    }

    /// Waits until the client is stopped, for `patience` at most; returns whether it is.
    pub fn wait(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.shared.state();
        while state.stopped_at.is_none() {
            let Some(rest) = until.checked_duration_since(Instant::now()) else { return false };
            let waited = self.shared.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Cuts all connections, on both sides, and does not stop later ones: the client may connect again.
    pub fn cut_once(&self) {
        let mut state = self.shared.state();
        state.is_harmless = true;
        state.stopped_at = None;
        for socket in &state.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        state.sockets.clear();
    }

    /// Cuts all connections, on both sides, and accepts no more.
    pub fn cut(&self) {
        let mut state = self.shared.state();
        if !state.is_cut {
            state.is_cut = true;
            for socket in &state.sockets {
                let _ = socket.shutdown(Shutdown::Both);
            }
            state.sockets.clear();
            drop(state);
            // A connection wakes the listener.
            let _ = TcpStream::connect(self.address);
        }
    }
}

impl Drop for ProtocolProxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The URL up to the server's address, the address, and the rest.
fn split(url: &str) -> (&str, &str, &str) {
    let begin = url.find("://").expect("a URL") + 3;
    let end = url[begin..].find(['/', '?']).map_or(url.len(), |at| begin + at);
    let begin = url[begin..end].rfind('@').map_or(begin, |at| begin + at + 1);
    (&url[..begin], &url[begin..end], &url[end..])
}

#[derive(Debug)]
struct SharedProxy {
    stop: Option<Stop>,
    state: Mutex<ProxyState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ProxyState {
    boundaries: Vec<ServerBoundary>,
    rows: usize,
    stopped_at: Option<usize>,
    is_cut: bool,
    /// The stop is over.
    is_harmless: bool,
    /// Both ends of every connection.
    sockets: Vec<TcpStream>,
    connections: Vec<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    /// Boundaries without a reply of the server, the oldest first.
    without_reply: Vec<usize>,
    in_transaction: bool,
}

impl ProxyState {
    /// Whether nothing passes any more.
    fn is_over(&self) -> bool {
        self.stopped_at.is_some() || self.is_cut
    }
}

impl SharedProxy {
    fn state(&self) -> MutexGuard<'_, ProxyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_at(&self, state: &mut ProxyState, number: usize) {
        state.stopped_at = Some(number);
        self.changed.notify_all();
    }

    /// Whether a client's message may pass; `what` describes one that is a boundary.
    fn may_send(&self, connection: usize, what: Option<String>) -> bool {
        let mut state = self.state();
        if state.is_over() {
            return false;
        }
        let Some(what) = what else { return true };
        let number = state.boundaries.len() + 1;
        let in_transaction = (state.connections[connection].in_transaction, None);
        state.boundaries.push(ServerBoundary { number, connection, what, in_transaction });
        state.connections[connection].without_reply.push(number);
        if self.stop == Some(Stop::Before(number)) && !state.is_harmless {
            self.stop_at(&mut state, number);
        }
        !state.is_over()
    }

    /// Whether the server's reply may pass; `ready` is its state if it waits for the client again.
    fn may_reply(&self, connection: usize, is_row: bool, ready: Option<ReadyState>) -> bool {
        let mut state = self.state();
        if state.is_over() {
            return false;
        }
        state.rows += usize::from(is_row);
        let Some(ready) = ready else { return true };
        let of_connection = &mut state.connections[connection];
        if let ReadyState::Ready { in_transaction } = ready {
            of_connection.in_transaction = in_transaction;
        }
        let in_transaction = of_connection.in_transaction;
        if !of_connection.without_reply.is_empty() {
            let number = of_connection.without_reply.remove(0);
            state.boundaries[number - 1].in_transaction.1 = Some(in_transaction);
            if self.stop == Some(Stop::After(number)) && !state.is_harmless {
                self.stop_at(&mut state, number);
            }
        }
        !state.is_over()
    }
}

/// Starts the two directions of one connection.
fn connect(shared: &Arc<SharedProxy>, client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (to_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let mut state = shared.state();
    state.sockets.extend([client.try_clone()?, server.try_clone()?]);
    state.connections.push(Connection::default());
    let number = state.connections.len() - 1;
    drop(state);
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || {
        let reply_to = client.try_clone();
        let done = reply_to.and_then(|reply_to| forward_requests(&up, number, client, reply_to, &to_server));
        end(&up, &to_server, done);
    });
    thread::spawn(move || {
        let done = forward_replies(&down, number, server, &to_client);
        end(&down, &to_client, done);
    });
    Ok(())
}

/// Whether a direction ended or was stopped.
enum Done {
    End,
    Stopped,
}

/// Closes the other side for writing, except after a stop: then the test decides when.
fn end(shared: &SharedProxy, other: &TcpStream, done: io::Result<Done>) {
    if !matches!(done, Ok(Done::Stopped)) && !shared.state().is_over() {
        let _ = other.shutdown(Shutdown::Write);
    }
}

/// From the client to the server.
fn forward_requests(
    shared: &SharedProxy,
    connection: usize,
    mut client: TcpStream,
    mut reply_to: TcpStream,
    mut server: &TcpStream,
) -> io::Result<Done> {
    loop {
        let Some((startup, bytes)) = Startup::read(&mut client)? else { return Ok(Done::End) };
        match startup {
            // Nothing could be counted in an encrypted stream.
            Startup::Encryption => reply_to.write_all(b"N")?,
            Startup::Session | Startup::Cancel => {
                if !shared.may_send(connection, None) {
                    return Ok(Done::Stopped);
                }
                server.write_all(&bytes)?;
                break;
            }
        }
    }
    let mut frontend = Frontend::default();
    pump(client, server, |kind, body| shared.may_send(connection, frontend.boundary(kind, body)))
}

/// From the server to the client.
fn forward_replies(
    shared: &SharedProxy,
    connection: usize,
    server: TcpStream,
    client: &TcpStream,
) -> io::Result<Done> {
    pump(server, client, |kind, body| {
        shared.may_reply(connection, kind == message::ROW, ReadyState::of(kind, body))
    })
}

/// Forwards messages until one may not pass.
fn pump(
    mut from: TcpStream,
    mut to: &TcpStream,
    mut may_pass: impl FnMut(u8, &[u8]) -> bool,
) -> io::Result<Done> {
    let mut reader = MessageReader::default();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok(Done::End);
        }
        reader.add(&chunk[..count]);
        let (passed, stopped) = reader.take_while(&mut may_pass);
        to.write_all(&passed)?;
        if stopped {
            return Ok(Done::Stopped);
        }
    }
}

#[cfg(test)]
mod tests;
