//! How many requests a fetcher keeps in flight.
//!
//! The number finds itself: it grows as long as the consumer has to wait for bytes, because then more requests at a time are the
//! only remedy, and it is halved when the service asks for fewer. A consumer that is slower than the fetcher leaves it where it is.
//! Until the service has complained, it doubles with every round of answers; from then on a round makes it grow by one, so that it
//! stays near what the service has stood.

/// A number of requests between 1 and a maximum. Knows no clock.
#[derive(Clone, Debug)]
pub(super) struct Window {
    num_requests: usize,
    max_requests: usize,
    /// Requests answered that were sent before the last change for the worse; their news is old.
    num_stale: usize,
    /// Up to here it grows quickly: half of what the service complained about.
    unhesitating_requests: usize,
    /// Answers that would have made it grow if it did not hesitate.
    num_good: usize,
}

impl Window {
    pub(super) fn new(initial_requests: usize, max_requests: usize) -> Window {
        let max_requests = max_requests.max(1);
        Window {
            num_requests: initial_requests.clamp(1, max_requests),
            max_requests,
            num_stale: 0,
            unhesitating_requests: max_requests,
            num_good: 0,
        }
    }

    pub(super) fn num_requests(&self) -> usize {
        self.num_requests
    }

    /// Takes note of a request that was answered. `num_in_flight` counts those still without an answer.
    pub(super) fn note(&mut self, is_slowed_down: bool, is_consumer_waiting: bool, num_in_flight: usize) {
        if self.num_stale > 0 {
            self.num_stale -= 1;
        } else if is_slowed_down {
            self.num_requests = (self.num_requests / 2).max(1);
            self.num_stale = num_in_flight;
            self.unhesitating_requests = self.num_requests;
            self.num_good = 0;
        } else if is_consumer_waiting && num_in_flight + 1 >= self.num_requests {
            self.num_good += 1;
            if self.num_requests < self.unhesitating_requests || self.num_good >= self.num_requests {
                self.num_requests = (self.num_requests + 1).min(self.max_requests);
                self.num_good = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_while_the_consumer_waits() {
        let mut window = Window::new(8, 10);
        for expected in [9, 10, 10] {
            window.note(false, true, window.num_requests() - 1);
            assert_eq!(window.num_requests(), expected);
        }
    }

    #[test]
    fn it_stays_while_the_consumer_is_busy() {
        let mut window = Window::new(8, 64);
        window.note(false, false, 7);
        assert_eq!(window.num_requests(), 8);
    }

    #[test]
    fn it_does_not_grow_when_it_is_not_used_up() {
        let mut window = Window::new(8, 64);
        window.note(false, true, 2);
        assert_eq!(window.num_requests(), 8);
    }

    #[test]
    fn one_storm_of_refusals_halves_it_once() {
        let mut window = Window::new(16, 64);
        window.note(true, true, 15);
        for num_in_flight in (0..15).rev() {
            window.note(true, true, num_in_flight);
        }
        assert_eq!(window.num_requests(), 8);
        window.note(true, true, 7);
        assert_eq!(window.num_requests(), 4);
    }

    #[test]
    fn after_a_refusal_it_grows_by_one_a_round() {
        let mut window = Window::new(8, 64);
        window.note(true, true, 0);
        for _ in 0..4 {
            assert_eq!(window.num_requests(), 4);
            window.note(false, true, 3);
        }
        assert_eq!(window.num_requests(), 5);
    }

    #[test]
    fn it_never_closes() {
        let mut window = Window::new(0, 0);
        window.note(true, false, 0);
        assert_eq!(window.num_requests(), 1);
    }
}
