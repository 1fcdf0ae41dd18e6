//! Nothing: Cargo unites the features of build dependencies only if there is a build script.

fn main() {}
