//! AutoWU.
