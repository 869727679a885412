//! Which processors do what.

/// The processors of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorePlan {
    /// The control core.
    pub control: u32,
    /// The workers', one each.
    pub workers: Vec<u32>,
}

/// A plan for `workers` workers on the processors this process may use: the control core takes the first, workers the ones behind it; where there
/// are too few, they share.
pub fn plan(workers: usize) -> CorePlan {
    let usable: Vec<u32> = core_affinity::get_core_ids()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|core| u32::try_from(core.id).ok())
        .collect();
    spread(&usable, workers)
}

/// As many workers as there are processors behind the control core's, at least one.
pub fn workers() -> u16 {
    let usable = core_affinity::get_core_ids().map_or(1, |cores| cores.len());
    u16::try_from(usable.saturating_sub(1)).unwrap_or(u16::MAX).max(1)
}

fn spread(usable: &[u32], workers: usize) -> CorePlan {
    let control = usable.first().copied().unwrap_or(0);
    let others = match usable {
        [] => vec![0],
        [only] => vec![*only],
        [_, others @ ..] => others.to_vec(),
    };
    CorePlan { control, workers: others.iter().copied().cycle().take(workers).collect() }
}

#[cfg(test)]
mod tests {
    use super::{CorePlan, spread};

    #[test]
    fn workers_get_processors_of_their_own_while_there_are_any() {
        assert_eq!(spread(&[0, 1, 2], 2), CorePlan { control: 0, workers: vec![1, 2] });
        assert_eq!(spread(&[4, 5], 2), CorePlan { control: 4, workers: vec![5, 5] });
        assert_eq!(spread(&[3], 1), CorePlan { control: 3, workers: vec![3] });
    }
}
