//! Long tests over many inputs take a part of them on each major version of PostgreSQL, so that the versions take all of the
//! inputs between them.

use phaseline_embedded::testing::TestCluster;

/// Every `parts`th number below `all`, other ones on each version.
pub fn of_seeds(all: u64, parts: u64) -> impl Iterator<Item = u64> {
    let part = of_this_version(parts);
    (0..all).filter(move |seed| seed % parts == part)
}

/// The number of this version's part of `parts`: 15, 16, 17 and 18 have different ones of four and more, 15 and 18 different ones of two.
pub fn of_this_version(parts: u64) -> u64 {
    u64::from(TestCluster::shared().binaries().major_version()) % parts
}
