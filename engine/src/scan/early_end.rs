//! Asks a scan to end before its last file.
//!
//! Each partition reads the file that it is at to its end, and takes no other; a file of which nothing has come yet is left too. So every
//! file is read as a whole or not at all, and [`FileRows`](super::file_rows::FileRows) tells which are.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// The wish that a scan end; shared by its partitions and whoever asks.
#[derive(Debug, Default)]
pub struct EarlyEnd {
    is_asked: AtomicBool,
    asked: Notify,
}

impl EarlyEnd {
    /// Asks.
    pub fn ask(&self) {
        self.is_asked.store(true, Ordering::Release);
        self.asked.notify_waiters();
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire)
    }

    /// What a future gives; `None`: somebody asks before it is there.
    ///
    /// **Cancel**: as that of the future.
    pub(super) async fn or_asked<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let asked = self.asked.notified();
        if self.is_asked() {
            return None;
        }
        tokio::select! {
            value = future => Some(value),
            () = asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test]
    async fn what_is_there_is_given_and_what_is_not_is_given_up() {
        let early_end = EarlyEnd::default();
        assert_eq!(early_end.or_asked(ready(1)).await, Some(1));
        let asking = async { early_end.ask() };
        let (given, ()) = tokio::join!(early_end.or_asked(pending::<i32>()), asking);
        assert_eq!(given, None);
        assert_eq!(early_end.or_asked(ready(1)).await, None, "nothing is begun after that");
    }
}
