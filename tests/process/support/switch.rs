//! Stands at the registry's address, so that a test can say how the registry behaves.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a connection meets.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// The registry at this address.
    To(SocketAddr),
    /// A connection that is closed at once.
    Closed,
    /// These bytes to whatever was asked, then the end.
    Says(Vec<u8>),
}

/// A listener whose behaviour can be changed; every change cuts the connections of before.
pub(crate) struct Switch {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    way: Way,
    open: Vec<TcpStream>,
    accepted: u64,
}

impl Switch {
    pub(crate) fn new(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            way,
            open: Vec::new(),
            accepted: 0,
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap();
                state.accepted += 1;
                state.open.extend(stream.try_clone());
                let way = state.way.clone();
                drop(state);
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // How a cut connection ends is of no interest.
                    let _ = serve(stream, way, &shared);
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn turn(&self, way: Way) {
        let mut state = self.state.lock().unwrap();
        state.way = way;
        state.accepted = 0;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections accepted since the last turn.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.lock().unwrap().accepted
    }

    /// What a gateway calls `REGISTRY_API_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/api/servers", self.address)
    }
}

fn serve(mut stream: TcpStream, way: Way, state: &Mutex<State>) -> io::Result<()> {
    match way {
        Way::Closed => stream.shutdown(Shutdown::Both),
        Way::Says(bytes) => {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request)?;
            stream.write_all(&bytes)?;
            stream.shutdown(Shutdown::Both)
        }
        Way::To(address) => {
            let mut there = TcpStream::connect(address)?;
            state.lock().unwrap().open.push(there.try_clone()?);
            let (mut from_there, mut to_here) = (there.try_clone()?, stream.try_clone()?);
            std::thread::spawn(move || {
                let _ = io::copy(&mut from_there, &mut to_here);
                let _ = to_here.shutdown(Shutdown::Both);
            });
            io::copy(&mut stream, &mut there)?;
            there.shutdown(Shutdown::Both)
        }
    }
}

/// An HTTP answer with these parts.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> Way {
    Way::Says(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}
