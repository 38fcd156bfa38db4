//! A server that says what a test wants, over plain TCP.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is answered.
#[derive(Clone)]
pub struct Reply {
    head: String,
    body: Vec<u8>,
    /// Say nothing at all for so long.
    silent: Option<Duration>,
    /// Send only so many bytes of the body.
    cut: Option<usize>,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply { head: format!("HTTP/1.1 {status} Made\r\n"), body: Vec::new(), silent: None, cut: None }
    }

    pub fn ok(media: &str, body: Vec<u8>) -> Reply {
        Reply { body, ..Reply::status(200).header("Content-Type", media) }
    }

    pub fn redirect(to: &str) -> Reply {
        Reply::status(302).header("Location", to)
    }

    pub fn nothing() -> Reply {
        Reply { head: String::new(), body: Vec::new(), silent: None, cut: None }
    }

    pub fn silence() -> Reply {
        Reply { silent: Some(Duration::from_secs(4)), ..Reply::nothing() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn cut(self, bytes: usize) -> Reply {
        Reply { cut: Some(bytes), ..self }
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if let Some(time) = self.silent {
            std::thread::sleep(time);
        }
        if self.head.is_empty() {
            return Ok(());
        }
        write!(stream, "{}Content-Length: {}\r\nConnection: close\r\n\r\n", self.head, self.body.len())?;
        stream.write_all(&self.body[..self.cut.unwrap_or(self.body.len())])
    }
}

/// It serves until it is dropped.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `reply` gets the number of the request, from 0.
    pub fn start(reply: impl Fn(usize) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (requests, end) = (asked.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
                let number = {
                    let mut requests = requests.lock().expect("no panic");
                    requests.push(head);
                    requests.len() - 1
                };
                // The client may have gone.
                let _ = reply(number).send(&mut stream);
            }
        });
        Server { url, asked, ends, thread: Some(thread) }
    }

    /// Heads of the requests.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
