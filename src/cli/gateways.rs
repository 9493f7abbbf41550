//! `mcp gateways`: what can be said, no behaviour.

use clap::{Args, Subcommand};

use super::client::ClientArgs;

/// Gateways, and what they prove themselves with.
#[derive(Clone, Debug, Args)]
pub struct GatewaysArgs {
    /// Which registry, and how to print.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: GatewaysCommand,
}

/// What to do with gateways.
#[derive(Clone, Debug, Subcommand)]
pub enum GatewaysCommand {
    /// List gateways that report here, credentials of other gateways, and keys that sign
    List,
    /// Make a credential with which another gateway asks for verdicts; it is shown this once
    Add {
        /// What to call the gateway
        name: String,
        /// It sets X-Body itself on every question; never say so of one that does not
        #[arg(long)]
        sends_body: bool,
    },
    /// Take a credential out: what shows it is refused from then on
    Remove {
        /// Its name, or its id as listed
        #[arg(value_name = "NAME|ID")]
        credential: String,
    },
    /// Take a replaced key out of /.well-known/jwks.json
    ///
    /// For a key that may be in other hands. Stop its gateway, remove identity-keys in its data
    /// directory and start it first: a key that a gateway still reports would come back.
    Forget {
        /// The key's id (kid), as listed
        key: String,
    },
}
