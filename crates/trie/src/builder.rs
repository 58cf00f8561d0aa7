//! A trie, or a part of one, from sorted items in one pass.

use alloc::vec::Vec;

use alloy_trie::nodes::RlpNode;

use crate::node::NO_CHILD;
use crate::writer::{Item, NodeWriter};

/// Builds from items in ascending order, none a prefix of another. Holds the open branches of one path: at most 64.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    /// From the top down; each a prefix of the last item's path.
    open: Vec<OpenBranch>,
    last: Option<Item>,
}

#[derive(Debug)]
struct OpenBranch {
    depth: usize,
    /// Empty nodes are missing children.
    children: [RlpNode; 16],
}

impl Builder {
    /// Adds the next item.
    pub(crate) fn push(&mut self, item: Item, out: &mut NodeWriter) {
        let shared = self
            .last
            .as_ref()
            .map(|last| last.path().common_prefix_length(item.path()));
        let previous = self.last.replace(item);
        if let Some((previous, depth)) = previous.zip(shared) {
            self.attach(previous, depth, out);
        }
    }

    /// The whole as one item, or `None` if there was none.
    pub(crate) fn finish(mut self, out: &mut NodeWriter) -> Option<Item> {
        let last = self.last.take()?;
        Some(self.close_below(last, None, out))
    }

    /// Hangs an item into the branch at `depth`, where its path and that of the next item part.
    fn attach(&mut self, item: Item, depth: usize, out: &mut NodeWriter) {
        let item = self.close_below(item, Some(depth), out);
        let nibble = item.path().get_unchecked(depth);
        let node = out.place(item, depth + 1);
        if self.open.last().is_none_or(|top| top.depth < depth) {
            self.open.push(OpenBranch {
                depth,
                children: core::array::from_fn(|_| RlpNode::default()),
            });
        }
        if let Some(top) = self.open.last_mut() {
            top.children[usize::from(nibble)] = node;
        }
    }

    /// Hangs an item into the open branches below `depth` (all of them for `None`) and writes these.
    fn close_below(&mut self, mut item: Item, depth: Option<usize>, out: &mut NodeWriter) -> Item {
        while let Some(mut top) = self.open.pop_if(|top| depth.is_none_or(|depth| top.depth > depth)) {
            let path = *item.path();
            let nibble = path.get_unchecked(top.depth);
            top.children[usize::from(nibble)] = out.place(item, top.depth + 1);
            let children = core::array::from_fn(|i| match &top.children[i] {
                none if none.is_empty() => NO_CHILD,
                some => some.as_slice(),
            });
            item = NodeWriter::branch(&path, top.depth, children);
        }
        item
    }
}
