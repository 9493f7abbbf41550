//! The data plane: one front door for MCP traffic and the registry.
//!
//! Promises: it routes by the last snapshot it was given and never needs the registry; what it
//! authorises is byte for byte what it forwards; nothing that streams is buffered or cut. It must
//! not touch a database, nor hold a snapshot while something streams.
//!
//! Start at [`pipeline`]: the phases of one request, in order. [`worker`] the threads, [`table`] the routes, [`http1`] the
//! clients' HTTP/1.1, [`upstream`] the way out.

pub mod account;
pub mod admit;
pub mod audit;
pub mod body;
pub mod control;
pub mod external;
pub mod fields;
pub mod filter;
pub mod foreign;
pub mod framing;
pub mod head;
pub mod http1;
pub mod identity;
pub mod legacy;
pub mod limit;
pub mod message;
pub mod origin;
pub mod pipeline;
pub mod prepare;
pub mod reason;
pub mod recent;
pub mod reply;
pub mod respond;
pub mod scratch;
pub mod server_call;
pub mod service;
pub mod session;
pub mod shared;
pub mod streams;
pub mod table;
pub mod tunnel;
pub mod upstream;
pub mod usage;
pub mod waits;
pub mod worker;

pub use self::origin::LocalPeer;
pub use self::shared::{ControlPlane, Gateway, Parts};
pub use self::worker::{Listener, Start, Threads};
