//! The parts of the program that can run in one process.

/// A part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The control plane.
    Registry,
    /// The web application, served by the registry.
    Ui,
    /// The front door.
    Gateway,
    /// Verdicts for other people's gateways, without the registry.
    Validate,
}

/// The parts that this process runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parts(&'static [Part]);

impl Parts {
    /// These parts.
    pub const fn new(parts: &'static [Part]) -> Self {
        Self(parts)
    }

    /// Claims that `part` runs here.
    pub fn has(self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// The parts, in the order given.
    pub fn iter(self) -> impl Iterator<Item = Part> {
        self.0.iter().copied()
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0).finish()
    }
}
