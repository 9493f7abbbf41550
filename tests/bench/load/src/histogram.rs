//! Delays in buckets about 1 % wide.

/// Nanoseconds, 64 buckets for each doubling.
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self {
            buckets: vec![0; 64 * 64],
            count: 0,
            longest: 0,
        }
    }

    pub fn add(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.longest = self.longest.max(value);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The members `p50_us`, `p99_us` and `longest_us` of a JSON object.
    #[expect(clippy::cast_precision_loss, reason = "printed with one decimal")]
    pub fn members(&self) -> String {
        let microseconds = |value: u64| value as f64 / 1e3;
        format!(
            r#""p50_us":{:.1},"p99_us":{:.1},"longest_us":{:.1}"#,
            microseconds(self.quantile(50)),
            microseconds(self.quantile(99)),
            microseconds(self.longest)
        )
    }

    fn quantile(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut below = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            below += count;
            if below >= wanted {
                return lower_bound(index);
            }
        }
        self.longest
    }
}

fn bucket(value: u64) -> usize {
    let exponent = value.max(1).ilog2();
    if exponent < 7 {
        return usize::try_from(value).unwrap_or(0);
    }
    let step = (value >> (exponent - 6)) & 63;
    128 + (exponent as usize - 7) * 64 + usize::try_from(step).unwrap_or(0)
}

fn lower_bound(bucket: usize) -> u64 {
    let Some(above) = bucket.checked_sub(128) else {
        return bucket as u64;
    };
    let (exponent, step) = (above / 64 + 7, above as u64 % 64);
    (1 << exponent) + (step << (exponent - 6))
}
