//! tokio's I/O traits for our streams, their owned halves, and pipes in memory.

use marmot_netpoll::{foreign_writes, tokio_reads};
use tokio::io::AsyncWrite;

#[cfg(unix)]
use crate::UnixStream;
use crate::io::{PipeReader, PipeWriter};
use crate::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

tokio_reads!(TcpStream, &TcpStream, OwnedReadHalf<TcpStream>);
foreign_writes!(true, AsyncWrite: TcpStream, &TcpStream, OwnedWriteHalf<TcpStream>);

#[cfg(unix)]
tokio_reads!(UnixStream, &UnixStream, OwnedReadHalf<UnixStream>);
#[cfg(unix)]
foreign_writes!(true, AsyncWrite: UnixStream, &UnixStream, OwnedWriteHalf<UnixStream>);

tokio_reads!(PipeReader);
foreign_writes!(false, AsyncWrite: PipeWriter);
