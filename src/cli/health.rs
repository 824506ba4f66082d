//! `proffer health`: the probe of a container that holds neither a shell nor `curl`.

use super::ConfigArguments;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, and each read of the answer, may take; readiness itself is decided within a second.
const PATIENCE: Duration = Duration::from_secs(3);

/// More than any answer about health has, in bytes.
const LONGEST_ANSWER: u64 = 65_536;

/// Arguments of `proffer health`.
#[derive(Debug, Args)]
pub(super) struct HealthArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Address and port to ask, instead of where the configuration says that the service listens.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
    /// Asks whether the process lives, not whether it can answer.
    #[arg(long)]
    live: bool,
}

/// Asks a running service how it is, prints what it says, and fails unless all is well.
pub(super) fn run(arguments: &HealthArguments) -> anyhow::Result<()> {
    let address = match arguments.address {
        Some(address) => address,
        None => reachable(arguments.config.load()?.server.listen),
    };
    let path = if arguments.live { "/health/live" } else { "/health/ready" };
    let answer = get(address, path).with_context(|| format!("no answer from http://{address}{path}"))?;
    let parts = answer.split_once("\r\n\r\n");
    let (head, body) = parts.with_context(|| format!("what answers at {address} does not speak HTTP"))?;
    println!("{}", body.trim());
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        status => bail!("http://{address}{path} answered {}", status.unwrap_or("without a status")),
    }
}

/// Where to reach a service that listens on an address: on this machine if it listens everywhere.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}
