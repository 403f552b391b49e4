//! Feeds the kernels of the engine what nobody would write, and compares what must be equal.
//!
//! A target is a function that takes bytes and panics if something is wrong with what came of them. [`driver`] runs it on the
//! inputs kept in `corpus/`, then on mutations of them until its time is up, and sees to it that no input takes too long or too
//! much memory. It needs neither a nightly compiler nor instrumentation: instead of counting branches, a target says in a number
//! what kind of outcome an input had, and inputs with a new kind of outcome are mutated further.
//!
//! Reading order: [`driver`], [`mutate`], [`memory`]; [`corpus`] (what is kept), [`readers`] (both readers of a parser on the same
//! bytes), [`conditions`] (rows that they are to leave out), [`archives`] (one file through its decoders). The targets are tests, in `tests/it`.

pub mod archives;
pub mod conditions;
pub mod corpus;
pub mod driver;
pub mod memory;
pub mod mutate;
pub mod readers;
