//! tokio's I/O traits for our streams, and for their owned halves.

use marmot_netpoll::{foreign_writes, tokio_reads};
use tokio::io::AsyncWrite;

#[cfg(unix)]
use crate::UnixStream;
use crate::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

tokio_reads!(TcpStream, &TcpStream, OwnedReadHalf<TcpStream>);
foreign_writes!(true, AsyncWrite: TcpStream, &TcpStream, OwnedWriteHalf<TcpStream>);

#[cfg(unix)]
tokio_reads!(UnixStream, &UnixStream, OwnedReadHalf<UnixStream>);
#[cfg(unix)]
foreign_writes!(true, AsyncWrite: UnixStream, &UnixStream, OwnedWriteHalf<UnixStream>);
