//! What the benches measure with: data, and the surroundings of each stage.
//!
//! Reading order: [`records`] (data made from seeds), [`compress`], [`reading`] (how it is read back), [`job`] (what a job makes of it),
//! [`server`] (a bucket), [`asked`] (what is measured, how often), [`whole_load`]. The first three are also compiled into the program whose instructions are counted, see `kernels/`.

pub mod asked;
pub mod compress;
pub mod job;
pub mod reading;
pub mod records;
pub mod server;
pub mod whole_load;

#[cfg(test)]
mod tests;
