//! Sockets: listening, TLS, dialling.
