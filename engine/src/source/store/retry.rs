//! How failed requests are repeated.
//!
//! The waits double from the first to a cap, without jitter, as the configuration reference has them. When all retries are used
//! up, the first failure is reported. A failure that no repetition can mend is reported at once, whatever came before it.

use crate::source::error::SourceError;
use crate::source::options::RetryOptions;
use std::time::Duration;

/// The retries of one operation.
pub(super) struct Retries<'a> {
    options: &'a RetryOptions,
    operation: &'static str,
    url: &'a str,
    num_retries: u32,
    first: Option<SourceError>,
}

impl<'a> Retries<'a> {
    /// `operation` stands in messages, as in "gave up reading".
    pub(super) fn new(options: &'a RetryOptions, operation: &'static str, url: &'a str) -> Self {
        Retries {
            options,
            operation,
            url,
            num_retries: 0,
            first: None,
        }
    }

    /// Waits until the operation may be tried again, or gives the error to report.
    pub(super) async fn wait_after(&mut self, error: SourceError) -> Result<(), SourceError> {
        let (operation, url) = (self.operation, self.url);
        if !error.is_retryable() {
            return Err(error);
        }
        if self.num_retries >= self.options.maximum_retries {
            let Some(first) = self.first.take() else {
                return Err(error);
            };
            // Whoever asked tells the first one.
            if first.to_string() != error.to_string() {
                tracing::warn!(operation, url, first = %first, last = %error, "gave up after the last retry");
            }
            return Err(SourceError::GaveUp {
                operation,
                url: url.to_owned(),
                num_retries: self.num_retries,
                first: Box::new(first),
            });
        }
        let wait = wait_before_retry(self.options, self.num_retries);
        self.num_retries += 1;
        tracing::warn!(
            operation,
            url,
            error = %error,
            retry = self.num_retries,
            of = self.options.maximum_retries,
            wait_seconds = wait.as_secs_f64(),
            "request failed, will be repeated"
        );
        self.first.get_or_insert(error);
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Forgets past failures: something was achieved since.
    pub(super) fn reset(&mut self) {
        self.num_retries = 0;
        self.first = None;
    }
}

fn wait_before_retry(options: &RetryOptions, num_retries_before: u32) -> Duration {
    let factor = 2u32.checked_pow(num_retries_before).unwrap_or(u32::MAX);
    options
        .initial_interval
        .saturating_mul(factor)
        .min(options.maximum_interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let options = RetryOptions {
            maximum_retries: 40,
            ..RetryOptions::default()
        };
        let waits: Vec<u64> = (0..10)
            .map(|retry| wait_before_retry(&options, retry).as_secs())
            .collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 480, 480]);
        assert_eq!(wait_before_retry(&options, 39), Duration::from_secs(480));
    }

    fn status(status: u16) -> SourceError {
        SourceError::Status {
            url: "u".to_owned(),
            status,
            answer: String::new(),
        }
    }

    fn quick(maximum_retries: u32) -> RetryOptions {
        RetryOptions {
            maximum_retries,
            initial_interval: Duration::ZERO,
            maximum_interval: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn the_first_failure_is_reported() {
        let options = quick(2);
        let mut retries = Retries::new(&options, "reading", "u");
        retries.wait_after(status(500)).await.unwrap();
        retries.wait_after(status(501)).await.unwrap();
        let error = retries.wait_after(status(502)).await.unwrap_err();
        assert_eq!(error.to_string(), "gave up reading `u` after 2 retries");
        let SourceError::GaveUp { first, .. } = error else {
            panic!()
        };
        assert!(matches!(*first, SourceError::Status { status: 500, .. }));
    }

    #[tokio::test]
    async fn a_final_failure_is_reported_at_once() {
        let options = quick(5);
        let mut retries = Retries::new(&options, "reading", "u");
        retries.wait_after(status(500)).await.unwrap();
        let denied = SourceError::AccessDenied {
            url: "u".to_owned(),
            answer: String::new(),
        };
        assert!(matches!(
            retries.wait_after(denied).await,
            Err(SourceError::AccessDenied { .. })
        ));
        assert!(matches!(
            retries.wait_after(status(405)).await,
            Err(SourceError::Status { status: 405, .. })
        ));
    }

    #[tokio::test]
    async fn without_retries_the_failure_itself_is_reported() {
        let options = quick(0);
        let mut retries = Retries::new(&options, "reading", "u");
        assert!(matches!(
            retries.wait_after(status(500)).await,
            Err(SourceError::Status { status: 500, .. })
        ));
    }
}
