use super::*;
use crate::log::JobLogs;
use bucketload_state::State;
use bucketload_state::history::JobFilter;
use bucketload_state::schedules::NewSchedule;
use bucketload_state::timing::CatchUp;
use serde_json::json;
use std::sync::Mutex;
use std::time::Instant;
use tempfile::TempDir;

/// More than a look takes on a machine whose cores are all taken.
const LIMIT: Duration = Duration::from_secs(120);

/// A server whose clock is set by hand.
struct Site {
    _folder: TempDir,
    service: Arc<Service>,
    clock: Arc<Mutex<Timestamp>>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Site {
    fn new(begin: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Mutex::new(at(begin)));
        let state = Arc::new(State::open(&folder.path().join("state.db")).unwrap());
        let now = {
            let clock = Arc::clone(&clock);
            move || *clock.lock().unwrap()
        };
        let service = Arc::new(Service::new(state, JobLogs::new(), now, |_| None));
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/1.jsonl"), "{\"n\": 1}\n").unwrap();
        let place = folder.path().display();
        let schedule = NewSchedule {
            name: "s".to_owned(),
            cron: "30 2 * * *".to_owned(),
            timezone: "America/New_York".to_owned(),
            delay_seconds: 0,
            catch_up: CatchUp::Last,
            warehouse: format!("{place}/warehouse/"),
            database: "d".to_owned(),
            table: "t".to_owned(),
            time_column: None,
            config: json!({
                "in": {
                    "type": "file",
                    "path_prefix": format!("{place}/in/"),
                    "parser": {"type": "jsonl", "columns": [{"name": "n", "type": "long"}]},
                },
                "out": {"partition_by": "none", "auto_create_table": true},
            }),
        };
        service.state.create_schedule(&schedule, at(begin)).unwrap();
        Site {
            _folder: folder,
            service,
            clock,
        }
    }

    fn set_clock(&self, now: &str) {
        *self.clock.lock().unwrap() = at(now);
    }

    /// Scheduled times of the jobs, the newest last; waits until so many have succeeded.
    async fn runs(&self, number: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let jobs = self.service.state.jobs(&JobFilter::default()).unwrap();
            let num_done = jobs.iter().filter(|job| job.status == JobStatus::Success).count();
            if num_done == jobs.len() && num_done >= number {
                let runs = jobs.iter().rev().filter_map(|job| job.run.as_ref());
                return runs.map(|run| run.scheduled.to_string()).collect();
            }
            assert!(begun.elapsed() < LIMIT, "{jobs:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_while_the_server_runs_runs_no_time_twice() {
    let site = Site::new("2026-03-07T12:00:00Z");
    let shutdown = Shutdown::new();
    let options = SchedulerOptions {
        max_jobs: 1,
        shutdown_wait: LIMIT,
        keep: SignedDuration::from_hours(24 * 100),
        is_once: false,
    };
    let server = tokio::spawn({
        let (service, shutdown) = (Arc::clone(&site.service), shutdown.clone());
        async move { run_scheduler(&service, options, &shutdown).await }
    });
    // 2:30 is skipped on this day, and comes when the clock goes on at 3.
    site.set_clock("2026-03-08T07:00:00Z");
    assert_eq!(site.runs(1).await, ["2026-03-08T07:00:00Z"]);
    // Two days forward: the last of the nights is made up for.
    site.set_clock("2026-03-10T12:00:00Z");
    assert_eq!(site.runs(2).await, ["2026-03-08T07:00:00Z", "2026-03-10T06:30:00Z"]);
    // Back by more than a day: a run that somebody asks for shows that the server has looked, and nothing else has come due.
    site.set_clock("2026-03-09T06:30:00Z");
    let now = site.service.now();
    site.service.state.enqueue_run("s", None, now).unwrap();
    assert_eq!(site.runs(3).await.len(), 3);
    site.set_clock("2026-03-10T06:30:00Z");
    site.service.state.enqueue_run("s", None, site.service.now()).unwrap();
    assert_eq!(site.runs(4).await.len(), 4);
    // The first night that was not run yet.
    site.set_clock("2026-03-11T06:30:00Z");
    assert!(site.runs(5).await.contains(&"2026-03-11T06:30:00Z".to_owned()));
    shutdown.request(false);
    assert_eq!(server.await.unwrap().unwrap().len(), 5);
}
