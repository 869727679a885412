//! A new rule set on its way to the workers: stage, publish, quiesce, retire.
//!
//! Called by the control core, for `replay` with swaps and for `run`. Each step has a type of its own and is made from the one before, so none can be
//! left out: a [`Staged`] set becomes a [`Published`] one, which becomes [`Retired`] when every worker has returned what it used before. Only then are the old
//! rules freed, here, never by a worker. Workers that are idle return theirs too: they look between empty bursts.

use crate::rules::LoadedRules;
use sluice_detect::Inspector;
use sluice_worker::{Generation, Parcel, Post};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A rule set with room to judge by it for each worker.
pub struct Staged {
    generations: Vec<Parcel>,
    number: u32,
}

/// A rule set that workers are taking up.
pub struct Published {
    /// For workers that have not fetched what they used before when this one came: still to be put into their mailbox.
    waiting: Vec<Option<Parcel>>,
    returned: Vec<Option<Parcel>>,
    since: Instant,
    number: u32,
}

/// What nobody uses any more. Dropping it frees the old rules.
pub struct Retired {
    /// The number of the rule set now in force everywhere.
    pub number: u32,
    /// From publishing until the last worker had exchanged it.
    pub took: Duration,
    _old: Vec<Parcel>,
}

/// `rules` with room to judge by them for each of `workers` workers.
///
/// # Errors
/// The scratch allocator's words when memory is short.
pub fn stage(rules: &LoadedRules, workers: usize, most_alerts: usize) -> Result<Staged, String> {
    let generations = (0..workers)
        .map(|_| {
            let inspector = Inspector::new(&rules.ruleset, most_alerts)?;
            Ok(Box::new(Generation { ruleset: Arc::clone(&rules.ruleset), inspector }))
        })
        .collect::<Result<_, String>>()?;
    Ok(Staged { generations, number: rules.ruleset.generation })
}

impl Staged {
    /// The generations, for workers that are not started yet.
    pub fn into_generations(self) -> Vec<Parcel> {
        self.generations
    }

    /// Puts the set into the workers' mailboxes. One at a time: after the last one is [`Retired`].
    pub fn publish(self, posts: &[Post]) -> Published {
        let waiting =
            posts.iter().zip(self.generations).map(|(post, generation)| post.publish(generation).err()).collect();
        let returned = posts.iter().map(|_| None).collect();
        Published { waiting, returned, since: Instant::now(), number: self.number }
    }
}

impl Published {
    /// Looks whether every worker has exchanged its rules. To be asked again with what it gives back.
    ///
    /// # Errors
    /// Itself, while some worker still uses what it had before.
    pub fn quiesced(mut self, posts: &[Post]) -> Result<Retired, Self> {
        for ((post, returned), waiting) in posts.iter().zip(&mut self.returned).zip(&mut self.waiting) {
            if let Some(generation) = waiting.take() {
                // What comes back now was replaced by an earlier set, whose publisher did not stay to fetch it.
                drop(post.returned());
                *waiting = post.publish(generation).err();
            }
            if waiting.is_none() && returned.is_none() {
                *returned = post.returned();
            }
        }
        if self.returned.iter().all(Option::is_some) {
            let old = self.returned.into_iter().flatten().collect();
            return Ok(Retired { number: self.number, took: self.since.elapsed(), _old: old });
        }
        Err(self)
    }
}

#[cfg(test)]
mod tests {
    use super::stage;
    use crate::rules::{RuleLoader, RuleSources};
    use sluice_config::Settings;
    use sluice_core::HashKey;
    use sluice_worker::mailbox;
    use std::{path::PathBuf, sync::Arc};

    #[test]
    fn old_rules_are_freed_when_and_only_when_every_worker_has_returned_them() {
        let rule = (PathBuf::from("test.rules"), "alert tcp any any -> any any (content:\"abcd\"; sid:1;)");
        let sources = RuleSources { paths: Vec::new(), bundled: vec![rule] };
        let mut loader = RuleLoader::new(sources, Settings::default(), HashKey::fixed());
        let first = loader.load().unwrap();
        let mut held = stage(&first, 2, 15).unwrap().into_generations();
        let alive = Arc::downgrade(&first.ruleset);
        drop(first);
        let (posts, boxes): (Vec<_>, Vec<_>) = (0..2).map(|_| mailbox()).unzip();
        let published = stage(&loader.load().unwrap(), 2, 15).unwrap().publish(&posts);
        let published = published.quiesced(&posts).err().expect("nobody has looked");
        assert!(boxes[0].exchange(&mut held[0]));
        let published = published.quiesced(&posts).err().expect("one has not");
        assert!(boxes[1].exchange(&mut held[1]));
        let retired = published.quiesced(&posts).ok().expect("both have");
        assert_eq!(retired.number, 2);
        assert!(alive.upgrade().is_some(), "kept as long as somebody holds what was retired");
        drop(retired);
        assert!(alive.upgrade().is_none());
        assert!(held.iter().all(|generation| generation.ruleset.generation == 2));
    }

    #[test]
    fn a_set_published_over_one_that_nobody_fetched_is_in_force_before_it_is_called_so() {
        let rule = (PathBuf::from("test.rules"), "alert tcp any any -> any any (content:\"abcd\"; sid:1;)");
        let sources = RuleSources { paths: Vec::new(), bundled: vec![rule] };
        let mut loader = RuleLoader::new(sources, Settings::default(), HashKey::fixed());
        let mut held = stage(&loader.load().unwrap(), 1, 15).unwrap().into_generations();
        let (post, mailbox) = mailbox();
        let posts = [post];
        drop(stage(&loader.load().unwrap(), 1, 15).unwrap().publish(&posts));
        assert!(mailbox.exchange(&mut held[0]));
        // The first set lies in the box of returns; the third is refused, then published when that is empty.
        let published = stage(&loader.load().unwrap(), 1, 15).unwrap().publish(&posts);
        let published = published.quiesced(&posts).err().expect("the worker has not looked");
        assert!(mailbox.exchange(&mut held[0]));
        assert_eq!(held[0].ruleset.generation, 3);
        assert_eq!(published.quiesced(&posts).ok().expect("it has").number, 3);
    }
}
