//! A link to the server that can lose an answer: the request arrives, the connection then breaks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[derive(Debug)]
pub(super) struct Link {
    url: String,
    plan: Arc<Mutex<Plan>>,
    /// Ends with the link.
    _relays: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Plan {
    lose_answer_to: Option<Vec<u8>>,
    lost: usize,
}

impl Link {
    pub(super) async fn to(url: &str) -> Self {
        let server = url::Url::parse(url).unwrap();
        let address = (server.host_str().unwrap(), server.port().unwrap_or(5432));
        let target = tokio::net::lookup_host(address)
            .await
            .unwrap()
            .next()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut through = server.clone();
        through.set_host(Some("127.0.0.1")).unwrap();
        through
            .set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        // The link must be able to read what it loses.
        let others: Vec<_> = server
            .query_pairs()
            .filter(|(key, _)| key != "sslmode")
            .collect();
        through
            .query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("sslmode", "disable");
        let plan = Arc::<Mutex<Plan>>::default();
        let mut relays = JoinSet::new();
        relays.spawn(accept(listener, target, Arc::clone(&plan)));
        Self {
            url: through.to_string(),
            plan,
            _relays: relays,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The next request with this text is the last of its connection.
    pub(super) fn lose_answer_to(&self, text: &str) {
        self.plan.lock().unwrap().lose_answer_to = Some(text.as_bytes().to_vec());
    }

    pub(super) fn answers_lost(&self) -> usize {
        self.plan.lock().unwrap().lost
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, plan: Arc<Mutex<Plan>>) {
    let mut relays = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        relays.spawn(relay(client, target, Arc::clone(&plan)));
    }
}

async fn relay(mut client: TcpStream, target: SocketAddr, plan: Arc<Mutex<Plan>>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                server.write_all(&request[..length]).await.unwrap();
                if plan.lock().unwrap().strikes(&request[..length]) {
                    // The server has done it before both sides are cut off.
                    drop(server.read(&mut answer).await);
                    return;
                }
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Plan {
    fn strikes(&mut self, request: &[u8]) -> bool {
        let strikes = self.lose_answer_to.as_ref().is_some_and(|text| {
            request
                .windows(text.len())
                .any(|window| window == text.as_slice())
        });
        if strikes {
            self.lose_answer_to = None;
            self.lost += 1;
        }
        strikes
    }
}
