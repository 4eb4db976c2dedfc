//! The causes there are, from the first that counts to the last.
