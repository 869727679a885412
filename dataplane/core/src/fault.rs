//! Faults made up for tests: a resource is said to be full although it is not.
//!
//! Chosen by `measure.fail.NAME`, asked by `sluice-worker` where the resource is used. Never on unless asked for.

use crate::resource::Resource;

/// Which resources fail, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Each so-manieth use fails; 0: none.
    every: [u32; Resource::COUNT],
    uses: [u32; Resource::COUNT],
}

impl Default for Faults {
    fn default() -> Self {
        Self { every: [0; Resource::COUNT], uses: [0; Resource::COUNT] }
    }
}

impl Faults {
    /// Makes each `every`th use of `resource` fail; 0: none.
    pub fn set(&mut self, resource: Resource, every: u32) {
        if let Some(place) = self.every.get_mut(resource as usize) {
            *place = every;
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.every.iter().all(|every| *every == 0)
    }

    /// One use of `resource`; whether it fails.
    pub fn fails(&mut self, resource: Resource) -> bool {
        let every = self.every.get(resource as usize).copied().unwrap_or(0);
        let Some(uses) = self.uses.get_mut(resource as usize).filter(|_| every > 0) else { return false };
        *uses += 1;
        if *uses < every {
            return false;
        }
        *uses = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Faults, Resource};

    #[test]
    fn each_so_manieth_use_fails_and_others_do_not() {
        let mut faults = Faults::default();
        assert!(faults.is_empty() && !faults.fails(Resource::Midstream));
        faults.set(Resource::Midstream, 3);
        let failed: Vec<bool> = (0..6).map(|_| faults.fails(Resource::Midstream)).collect();
        assert_eq!(failed, [false, false, true, false, false, true]);
        assert!(!faults.is_empty() && !faults.fails(Resource::Reassembly));
    }
}
