//! Value types of settings: durations, sizes, addresses.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A duration, written as whole seconds (`30`) or with a unit (`500ms`, `30s`, `5m`, `2h`, `1d`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    /// From a duration.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text
            .trim()
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or_else(|| text.trim().len());
        let (number, unit) = text.trim().split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let millis = match unit.trim() {
            "ms" => number,
            "" | "s" => number.checked_mul(1_000)?,
            "m" => number.checked_mul(60_000)?,
            "h" => number.checked_mul(3_600_000)?,
            "d" => number.checked_mul(86_400_000)?,
            _ => return None,
        };
        Some(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Period;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a duration such as 30, \"500ms\", \"30s\", \"5m\" or \"2h\"")
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Period, E> {
                Ok(Period(Duration::from_secs(seconds)))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Period, E> {
                u64::try_from(seconds)
                    .map(|seconds| Period(Duration::from_secs(seconds)))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                Period::parse(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A size in bytes, written as a number or with a binary unit (`64KiB`, `4 MiB`, `1GiB`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// From a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes, as far as this machine can address them.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text
            .trim()
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or_else(|| text.trim().len());
        let (number, unit) = text.trim().split_at_checked(digits)?;
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor).map(Self)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} B", self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ByteSize;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a size such as 65536, \"64KiB\" or \"4MiB\"")
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
                u64::try_from(bytes)
                    .map(ByteSize)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                ByteSize::parse(text)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Where to listen: an address and port, or nowhere (`off`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind(Option<SocketAddr>);

impl Bind {
    /// Listens at this address.
    pub const fn at(address: SocketAddr) -> Self {
        Self(Some(address))
    }

    /// The address; `None` when switched off.
    pub const fn address(self) -> Option<SocketAddr> {
        self.0
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(formatter),
            None => formatter.write_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for Bind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        text.parse()
            .map(|address| Self(Some(address)))
            .map_err(|_| {
                de::Error::invalid_value(
                    de::Unexpected::Str(&text),
                    &"an IP address and port such as 127.0.0.1:8080 or [::]:443, or \"off\"",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer, U64Deserializer};

    use super::*;

    fn text<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
        let deserializer: StrDeserializer<'a, Error> = text.into_deserializer();
        T::deserialize(deserializer)
    }

    #[test]
    fn durations_have_a_unit_or_are_seconds() {
        for (written, millis) in [
            ("30", 30_000),
            (" 30 s ", 30_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(
                text::<Period>(written).unwrap().get().as_millis(),
                millis,
                "{written}"
            );
        }
        let number: U64Deserializer<Error> = 7_u64.into_deserializer();
        assert_eq!(Period::deserialize(number).unwrap().get().as_secs(), 7);
        for wrong in [
            "",
            "s",
            "-1",
            "1.5s",
            "1 week",
            "99999999999999999999",
            "18446744073709551615d",
        ] {
            assert!(text::<Period>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_a_binary_unit_or_are_bytes() {
        for (written, bytes) in [
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("4 mib", 4 << 20),
            ("1G", 1 << 30),
            ("0b", 0),
        ] {
            assert_eq!(
                text::<ByteSize>(written).unwrap().bytes(),
                bytes,
                "{written}"
            );
        }
        for wrong in ["", "KiB", "-1", "1.5MiB", "4 parsecs", "99999999999GiB"] {
            assert!(text::<ByteSize>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_an_ip_and_a_port_or_off() {
        assert_eq!(
            text::<Bind>("127.0.0.1:80").unwrap().address(),
            "127.0.0.1:80".parse().ok()
        );
        assert_eq!(
            text::<Bind>("[::]:443").unwrap().address(),
            "[::]:443".parse().ok()
        );
        assert_eq!(text::<Bind>("OFF").unwrap().address(), None);
        for wrong in [
            "",
            "80",
            ":80",
            "localhost:80",
            "127.0.0.1",
            "::1:80",
            "1.2.3.4:99999",
        ] {
            let error = text::<Bind>(wrong).unwrap_err().to_string();
            assert!(error.contains("127.0.0.1:8080"), "{error}");
        }
    }
}
