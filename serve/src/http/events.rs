//! Tells what happens to a job as it happens, as server-sent events.
//!
//! `progress` comes when something has changed, `log` for each line of the log from the first on, `end` with the whole record once the job
//! has ended; then the connection closes. All of it is read from the record, so it does not matter which process runs the job.
//!
//! **Source**: HTML standard, section 9.2.

use super::message::{head, send};
use super::{Api, jobs};
use bucketload_state::log::LogLine;
use serde_json::{Value, json};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How often the record is looked at; it is written twice a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A connection on which nothing was sent for so long gets a comment, so that nobody between takes it for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// Writes events until the job has ended or the client is gone.
pub(super) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    api: &Api,
    job_id: &str,
    is_head: bool,
) -> io::Result<()> {
    let head = format!("{}\r\n", head(200, "text/event-stream"));
    send(stream, head.as_bytes()).await?;
    if is_head {
        return stream.shutdown().await;
    }
    let mut num_lines = 0;
    let mut told = Value::Null;
    let mut written = Instant::now();
    loop {
        let Ok(job) = jobs::find(api, job_id).await else {
            // The record is gone, or cannot be read: the client may ask why.
            return stream.shutdown().await;
        };
        let mut events = String::new();
        let (id, from) = (job_id.to_owned(), num_lines);
        for line in super::schedules::ask(api, move |state| state.log(&id, from))
            .await
            .unwrap_or_default()
        {
            num_lines += 1;
            events.push_str(&event("log", &LogLine::document(&line)));
        }
        let progress = json!({"job_id": job_id, "status": job.status.name(), "progress": job.progress});
        if progress != told {
            events.push_str(&event("progress", &progress));
            told = progress;
        }
        if job.status.is_final() {
            events.push_str(&event("end", &job.document(api.service.now())));
        } else if events.is_empty() && written.elapsed() > SILENCE {
            events.push_str(": still here\n\n");
        }
        if !events.is_empty() {
            send(stream, events.as_bytes()).await?;
            stream.flush().await?;
            written = Instant::now();
        }
        if job.status.is_final() {
            return stream.shutdown().await;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// JSON has no line breaks outside of texts, and in texts they are escaped.
fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
