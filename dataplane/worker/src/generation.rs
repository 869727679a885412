//! How a worker gets a new rule set, and gives the old one back.
//!
//! The control core stages a [`Generation`] for each worker (the rule set is shared, the room for judging by it is the worker's own) and puts it into the worker's
//! mailbox. The worker looks there between bursts, also between empty ones, takes it and puts the old one into the box for returns. What has come
//! back is used by nobody any more: the control core frees it. So nobody waits, nothing is freed on the packet path, and the compiler
//! proves what a count of quiescent states would have to argue.

use crossbeam::queue::ArrayQueue;
use sluice_detect::{Inspector, Ruleset};
use std::{cell::Cell, sync::Arc};

/// A rule set, and one worker's room for judging by it.
pub struct Generation {
    /// The rule set, which all workers share.
    pub ruleset: Arc<Ruleset>,
    /// The room.
    pub inspector: Inspector,
}

/// A generation on its way: exchanged by pointer.
pub type Parcel = Box<Generation>;

struct Boxes {
    new: ArrayQueue<Parcel>,
    old: ArrayQueue<Parcel>,
}

/// The control core's end.
pub struct Post {
    boxes: Arc<Boxes>,
    /// A generation is on its way: what it replaces has not been fetched. Known here alone: from the boxes it can't be told, since a worker that has emptied
    /// the one and not yet filled the other leaves both empty.
    out: Cell<bool>,
}

/// The worker's end.
pub struct Mailbox(Arc<Boxes>);

/// A pair of ends.
pub fn mailbox() -> (Post, Mailbox) {
    let boxes = Arc::new(Boxes { new: ArrayQueue::new(1), old: ArrayQueue::new(1) });
    (Post { boxes: Arc::clone(&boxes), out: Cell::new(false) }, Mailbox(boxes))
}

impl Post {
    /// Publishes `generation` to the worker.
    ///
    /// # Errors
    /// Gives it back while an earlier one has not been taken or what it replaced has not been fetched.
    pub fn publish(&self, generation: Parcel) -> Result<(), Parcel> {
        // A worker that takes one must have room for what it returns.
        if self.out.get() {
            return Err(generation);
        }
        let put = self.boxes.new.push(generation);
        self.out.set(put.is_ok());
        put
    }

    /// What the worker returned: nobody uses it any more.
    pub fn returned(&self) -> Option<Parcel> {
        let old = self.boxes.old.pop();
        self.out.set(self.out.get() && old.is_none());
        old
    }
}

impl Mailbox {
    /// Takes what is new, in exchange for `current`. Whether there was something.
    ///
    /// # Cost
    /// Two loads when there is nothing new.
    #[inline]
    pub fn exchange(&self, current: &mut Parcel) -> bool {
        if self.0.new.is_empty() {
            return false;
        }
        let Some(new) = self.0.new.pop() else { return false };
        let old = std::mem::replace(current, new);
        // There is room: nothing is published before the last return was fetched.
        drop(self.0.old.push(old));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Generation, Parcel, mailbox};
    use sluice_detect::{Inspector, RulesetBuilder};
    use std::sync::Arc;

    fn generation(number: u32) -> Parcel {
        let ruleset = RulesetBuilder::default().build(number).unwrap();
        let inspector = Inspector::new(&ruleset, 15).unwrap();
        Box::new(Generation { ruleset: Arc::new(ruleset), inspector })
    }

    #[test]
    fn a_new_generation_is_exchanged_for_the_old_one_and_one_at_a_time() {
        let (post, mailbox) = mailbox();
        let mut current = generation(1);
        assert!(!mailbox.exchange(&mut current) && post.returned().is_none());
        assert!(post.publish(generation(2)).is_ok());
        assert!(post.publish(generation(3)).is_err(), "the second has not been taken");
        assert!(mailbox.exchange(&mut current));
        assert_eq!(current.ruleset.generation, 2);
        assert!(post.publish(generation(3)).is_err(), "the first has not been fetched");
        assert_eq!(post.returned().map(|old| old.ruleset.generation), Some(1));
        assert!(post.publish(generation(3)).is_ok());
    }

    /// Found by the model in `tests/loom`: both boxes are empty then, and the worker would have freed what it could not return.
    #[test]
    fn none_is_published_while_the_worker_stands_between_its_boxes() {
        let (post, mailbox) = mailbox();
        assert!(post.publish(generation(2)).is_ok());
        let taken = mailbox.0.new.pop().unwrap();
        assert!(post.returned().is_none());
        assert!(post.publish(generation(3)).is_err());
        assert!(mailbox.0.old.push(taken).is_ok());
        assert!(post.returned().is_some() && post.publish(generation(3)).is_ok());
    }
}
