//! The writer's lock of a data directory. Whoever changes what is there - index, sources, trees, images - holds it from before
//! reading what is to be changed until it is written; the functions that write ask for it. Who only reads never takes it.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;

/// How often a waiting process looks whether the lock is free.
const LOOK: Duration = Duration::from_millis(20);

/// Held while a process writes; the operating system drops it when the process dies.
pub struct Lock {
    file: File,
    data: PathBuf,
}

impl Drop for Lock {
    /// Closing is not enough: a child that another thread has forked and not yet turned into its program
    /// shares the open file, and would hold the lock a moment longer.
    fn drop(&mut self) {
        // What cannot be unlocked here is unlocked when the last holder of the file closes it.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock or says who has it.
    ///
    /// # Errors
    /// [`StoreError::Locked`], or what the file system says.
    pub fn take(data: &Path) -> Result<Lock, StoreError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        fs::create_dir_all(data).map_err(io(data))?;
        let path = data.join("index.lock");
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's name is a courtesy; without it the lock is still held.
                let _ = file.take(100).read_to_string(&mut holder);
                return Err(StoreError::Locked { data: data.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()))
            .map_err(io(&path))?;
        Ok(Lock { file, data: data.to_owned() })
    }

    /// Takes the lock, and waits for it where another process has it; `tell` is told once who that is.
    ///
    /// # Errors
    /// As [`Lock::take`], after so long.
    pub fn wait(data: &Path, limit: Duration, tell: &dyn Fn(&str)) -> Result<Lock, StoreError> {
        let start = Instant::now();
        let mut told = false;
        loop {
            match Lock::take(data) {
                Err(StoreError::Locked { holder, .. }) if start.elapsed() < limit => {
                    // Most are gone at once; who waits for nothing need not be told.
                    if !told && start.elapsed() > 25 * LOOK {
                        tell(&holder);
                        told = true;
                    }
                    std::thread::sleep(LOOK);
                }
                other => return other,
            }
        }
    }

    /// The data directory that may be changed.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_free_and_gives_up_when_it_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path()).unwrap();
        let told = std::cell::RefCell::new(String::new());
        let tell = |holder: &str| *told.borrow_mut() = holder.to_owned();
        let given_up = Lock::wait(dir.path(), Duration::from_millis(700), &tell);
        assert!(matches!(given_up, Err(StoreError::Locked { .. })));
        assert_eq!(*told.borrow(), format!("process {}", std::process::id()));
        let path = dir.path().to_owned();
        let waiter = std::thread::spawn(move || Lock::wait(&path, Duration::from_secs(60), &|_| {}).is_ok());
        std::thread::sleep(Duration::from_millis(60));
        drop(held);
        assert!(waiter.join().unwrap());
    }
}
