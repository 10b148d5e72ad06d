//! A TCP proxy in front of servers, as a virtual address: new connections go to the current server, old ones stay where they are.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

/// A proxy on a free loopback port; it ends with the process.
#[derive(Clone, Debug)]
pub struct SwitchingProxy {
    port: u16,
    target: Arc<AtomicU16>,
}

impl SwitchingProxy {
    /// Listens, and forwards to this port of 127.0.0.1.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(target));
        let current = Arc::clone(&target);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, current.load(Ordering::Relaxed)));
                if let Ok(server) = TcpStream::connect(to) {
                    forward(&client, &server);
                    forward(&server, &client);
                }
            }
        });
        Self { port, target }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on new connections go to this port.
    pub fn switch(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

/// Copies one direction until either end closes.
fn forward(from: &TcpStream, to: &TcpStream) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
