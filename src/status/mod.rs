//! Wait status words, signal names, text. Pure.

pub mod signals;
pub mod text;
pub mod word;
