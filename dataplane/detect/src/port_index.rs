//! What is found by a port: rules that name few of them, and matchers.
//!
//! Built by [`crate::group`] for one kind of packet, read for each packet. One list for each set of ports that tells packets apart; equal lists are one.

use crate::range::PortSet;
use std::collections::BTreeMap;

/// For each port a list.
pub(crate) struct PortIndex<T> {
    /// For each port the number of its list; 0 is the empty list. Empty when nothing is here.
    list_of: Box<[u16]>,
    lists: Vec<Box<[T]>>,
}

impl<T> Default for PortIndex<T> {
    fn default() -> Self {
        Self { list_of: Box::default(), lists: Vec::new() }
    }
}

impl<T: Copy + Ord> PortIndex<T> {
    /// These things, each with the ports it is met on.
    pub(crate) fn new<'a>(things: impl IntoIterator<Item = (T, &'a PortSet)>) -> Self {
        let mut of_port: BTreeMap<u16, Vec<T>> = BTreeMap::new();
        for (thing, ports) in things {
            for &(low, high) in ports.ranges() {
                for port in low..=high {
                    of_port.entry(port).or_default().push(thing);
                }
            }
        }
        if of_port.is_empty() {
            return Self::default();
        }
        let mut numbers: BTreeMap<Vec<T>, u16> = BTreeMap::from([(Vec::new(), 0)]);
        let mut lists: Vec<Box<[T]>> = vec![Box::default()];
        let mut list_of = vec![0_u16; 1 << 16];
        for (port, things) in of_port {
            let number = match numbers.get(&things) {
                Some(number) => *number,
                None => {
                    lists.push(things.clone().into_boxed_slice());
                    let number = u16::try_from(lists.len() - 1).unwrap_or(u16::MAX);
                    numbers.insert(things, number);
                    number
                }
            };
            if let Some(place) = list_of.get_mut(usize::from(port)) {
                *place = number;
            }
        }
        Self { list_of: list_of.into_boxed_slice(), lists }
    }

    /// Number of the list of `port`; 0 for the empty one.
    #[inline]
    pub(crate) fn number(&self, port: u16) -> usize {
        self.list_of.get(usize::from(port)).map_or(0, |&number| usize::from(number))
    }

    /// What is met on `port`.
    #[inline]
    pub(crate) fn of(&self, port: u16) -> &[T] {
        self.lists.get(self.number(port)).map_or(&[], |list| list)
    }

    /// The lists, without the empty one.
    pub(crate) fn lists(&self) -> &[Box<[T]>] {
        self.lists.get(1..).unwrap_or_default()
    }
}
