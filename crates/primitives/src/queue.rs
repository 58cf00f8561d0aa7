//! The rolling hash of the L1 message queue. `docs/PROTOCOL.md` §L1 messages.

use alloy_primitives::{B256, keccak256};

use crate::L1Message;

/// A prefix of the queue: how many messages, and the hash over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct QueueHash {
    /// Number of messages in the prefix: the index of the next one.
    pub next_index: u64,
    /// `queueHash(next_index)`.
    pub hash: B256,
}

/// A message that does not follow the prefix it was appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("L1 message {found} can't follow: the queue expects index {expected}")]
pub struct UnexpectedIndex {
    /// Index that would follow.
    pub expected: u64,
    /// Index of the message.
    pub found: u64,
}

impl QueueHash {
    /// Appends one message.
    ///
    /// # Errors
    /// [`UnexpectedIndex`] if the message is not the next one.
    pub fn append(&mut self, message: &L1Message) -> Result<(), UnexpectedIndex> {
        if message.index != self.next_index {
            return Err(UnexpectedIndex {
                expected: self.next_index,
                found: message.index,
            });
        }
        let mut buf = [0u8; 64];
        buf[..32].copy_from_slice(self.hash.as_slice());
        buf[32..].copy_from_slice(message.message_hash().as_slice());
        self.hash = keccak256(buf);
        self.next_index += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_out_of_order_is_refused() {
        let mut queue = QueueHash::default();
        let late = L1Message {
            index: 1,
            ..Default::default()
        };
        assert_eq!(queue.append(&late), Err(UnexpectedIndex { expected: 0, found: 1 }));
        assert_eq!(queue, QueueHash::default());
        queue.append(&L1Message::default()).unwrap();
        queue.append(&late).unwrap();
        assert_eq!(queue.next_index, 2);
    }
}
