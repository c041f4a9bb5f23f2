//! A room: what one says all others hear.
//!
//! `cargo run --example chat_server -- 127.0.0.1:7001`, and then `nc 127.0.0.1 7001` a few times.
//! The room is a goroutine that owns the list of guests; the others send it messages. In Go: the
//! `broadcaster` of the chat server in "The Go Programming Language", 8.10. Look at the slow guest: his
//! channel fills up, and instead of waiting for him the room shows him out.

#![expect(clippy::print_stdout, reason = "it is a program, and prints")]

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use futures::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use marmot::net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream};
use marmot::prelude::*;

/// So many lines may wait for a guest who reads slowly.
const BACKLOG: usize = 64;
/// A longer line is the end of a guest: he would fill our memory.
const LINE_BYTES: u64 = 4096;
/// A guest's kernel may take no byte of a line for so long.
const PATIENCE: Duration = secs(10);

type Line = Arc<str>;

/// What is said to the room.
enum Message {
    Comes(u64, String, Sender<Line>),
    Says(u64, String),
    Goes(u64),
}

#[marmot::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:7001")).await?;
    println!("listening on {}", listener.local_addr()?);
    let (room, messages) = chan(0);
    go!(host(messages));
    for number in 1.. {
        match listener.accept().await {
            Ok((stream, _)) => drop(go!(guest(number, stream, room.clone()))),
            // Too many guests, for instance: it has rested, and those who are here stay.
            Err(error) => println!("accept: {error}"),
        }
    }
    Ok(())
}

/// Owns the list of guests, and never waits for any of them.
async fn host(messages: Receiver<Message>) {
    let mut guests: HashMap<u64, (String, Sender<Line>)> = HashMap::new();
    while let Some(message) = messages.recv().await {
        let (from, line) = match message {
            Message::Comes(number, name, lines) => {
                println!("{name} is here");
                let line = format!("* {name} is here");
                guests.insert(number, (name, lines));
                (number, line)
            }
            Message::Says(number, text) => match guests.get(&number) {
                Some((name, _)) => (number, format!("{name}: {text}")),
                // Shown out, and still talking.
                None => continue,
            },
            Message::Goes(number) => match guests.remove(&number) {
                Some((name, _)) => {
                    println!("{name} has gone");
                    (number, format!("* {name} has gone"))
                }
                None => continue,
            },
        };
        tell(&mut guests, from, &line.into());
    }
}

/// Who has no room for a line goes; the others hear of that in turn.
fn tell(guests: &mut HashMap<u64, (String, Sender<Line>)>, from: u64, line: &Line) {
    let mut said = vec![(from, Arc::clone(line))];
    while let Some((from, line)) = said.pop() {
        let slow: Vec<u64> = guests
            .iter()
            .filter(|(number, (_, lines))| {
                **number != from && lines.try_send(line.clone()).is_err()
            })
            .map(|(number, _)| *number)
            .collect();
        for number in slow {
            // With the last sender his writer ends, and closes the connection.
            if let Some((name, _)) = guests.remove(&number) {
                println!("{name} is too slow");
                said.push((number, format!("* {name} is too slow").into()));
            }
        }
    }
}

/// One connection: a goroutine that reads, and one that writes.
async fn guest(number: u64, stream: TcpStream, room: Sender<Message>) {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let Ok(Some(name)) = line(&mut reader).await else {
        return;
    };
    let (lines, heard) = chan(BACKLOG);
    let mut writing = go!(write(writer, heard));
    let comes = Message::Comes(number, name, lines);
    room.send(comes).await.expect("the host stays");
    loop {
        select! {
            said = line(&mut reader) => match said {
                Ok(Some(text)) => {
                    room.send(Message::Says(number, text)).await.expect("the host stays");
                }
                _ => break,
            },
            _ = &mut writing => break,
        }
    }
    room.send(Message::Goes(number))
        .await
        .expect("the host stays");
}

/// Writes what the guest is to hear, until the room has no more for him.
async fn write(writer: OwnedWriteHalf<TcpStream>, heard: Receiver<Line>) -> io::Result<()> {
    while let Some(line) = heard.recv().await {
        writer.set_write_deadline(Instant::now() + PATIENCE);
        writer.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}

/// The next line; `None` at the end.
async fn line(reader: &mut BufReader<OwnedReadHalf<TcpStream>>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let got = reader.take(LINE_BYTES).read_line(&mut line).await? as u64;
    match line.pop() {
        Some('\n') => Ok(Some(line.trim_end().to_owned())),
        _ if got == LINE_BYTES => Err(io::ErrorKind::InvalidData.into()),
        _ => Ok(None),
    }
}
