//! How long to wait between attempts.

use std::time::Duration;

use aws_lc_rs::rand;

/// Doubles from attempt to attempt, with jitter, so that gateways do not come back in step.
#[derive(Debug, Default)]
pub(super) struct Pace {
    attempts: u32,
}

impl Pace {
    /// The next pause: between half of and the whole step, never longer than `most`.
    pub(super) fn next(&mut self, most: Duration) -> Duration {
        let step = FIRST
            .saturating_mul(1 << self.attempts.min(MOST_DOUBLINGS))
            .min(most);
        self.attempts = self.attempts.saturating_add(1);
        jittered(step)
    }

    /// All is well again.
    pub(super) const fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// Between half of it and all of it.
pub(super) fn jittered(step: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness there is no jitter, and nothing else is lost.
    let _ = rand::fill(&mut random);
    let share = f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX);
    step.mul_f64(0.5 + share / 2.0)
}

const FIRST: Duration = Duration::from_millis(200);
const MOST_DOUBLINGS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_and_never_over_it() {
        let mut pace = Pace::default();
        let most = Duration::from_secs(2);
        for attempt in 0..100 {
            let pause = pace.next(most);
            assert!(pause <= most && pause >= FIRST / 2);
            assert!(attempt < 4 || pause >= most / 2);
        }
        pace.reset();
        assert!(pace.next(most) <= FIRST);
    }
}
