//! public-inbox-httpd on loopback with one list; it ends with the test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{User, needs};

pub struct Httpd {
    pub url: String,
    home: PathBuf,
    child: Child,
}

impl Httpd {
    /// Serves a clone under a name; `None` without public-inbox.
    pub fn start(user: &User, name: &str, inbox: &Path) -> Option<Httpd> {
        if !["public-inbox-init", "public-inbox-index", "public-inbox-httpd", "git"].iter().all(|p| needs(p)) {
            return None;
        }
        let home = user.path("httpd");
        std::fs::create_dir_all(&home).expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let url = format!("http://127.0.0.1:{port}");
        let mut init = command(&home, "public-inbox-init");
        let version = if inbox.join("git").is_dir() { "-V2" } else { "-V1" };
        init.args([version, "-L", "basic", name])
            .arg(inbox)
            .arg(format!("{url}/{name}"))
            .arg(format!("{name}@lists.example"));
        run(&mut init);
        let log = std::fs::File::create(home.join("log")).expect("a file");
        let mut httpd = command(&home, "public-inbox-httpd");
        httpd.args(["-W0", "-l", &format!("127.0.0.1:{port}")]).stderr(log);
        index(&home, inbox);
        let child = httpd.spawn().expect("public-inbox-httpd starts");
        let httpd = Httpd { url, home, child };
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "public-inbox-httpd does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(httpd)
    }

    /// Tells it of new mail.
    pub fn index(&self, inbox: &Path) {
        index(&self.home, inbox);
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn index(home: &Path, inbox: &Path) {
    run(command(home, "public-inbox-index").args(["--no-fsync", "-L", "basic"]).arg(inbox));
}

fn command(home: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("public-inbox starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
