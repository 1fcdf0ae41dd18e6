//! [`Calls`]: what a proof costs, by B2's billing classes.

use std::fmt;

use b2kit::backend::emulator::Emulator;

/// Number of calls in each billing class, those that failed included. Class A is free, C costs ten times as much as B.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    pub a: u64,
    pub b: u64,
    pub c: u64,
}

#[allow(dead_code, reason = "not every proof uses all of it")]
impl Calls {
    pub const HEADER: &str = " class A  class B  class C";

    /// All calls to this emulator so far.
    pub fn to(emulator: &Emulator) -> Self {
        let mut calls = Self::default();
        for (name, count) in emulator.snapshot().calls {
            *calls.class_of(&name) += count;
        }
        calls
    }

    fn class_of(&mut self, call: &str) -> &mut u64 {
        match call {
            "b2_cancel_large_file"
            | "b2_delete_file_version"
            | "b2_finish_large_file"
            | "b2_get_upload_part_url"
            | "b2_get_upload_url"
            | "b2_hide_file"
            | "b2_start_large_file"
            | "b2_upload_file"
            | "b2_upload_part" => &mut self.a,
            "b2_download_file_by_id" | "b2_download_file_by_name" | "b2_get_file_info" => {
                &mut self.b
            }
            _ => &mut self.c,
        }
    }

    pub const fn total(self) -> u64 {
        self.a + self.b + self.c
    }

    pub const fn and(self, other: Self) -> Self {
        Self {
            a: self.a + other.a,
            b: self.b + other.b,
            c: self.c + other.c,
        }
    }

    pub const fn since(self, earlier: Self) -> Self {
        Self {
            a: self.a - earlier.a,
            b: self.b - earlier.b,
            c: self.c - earlier.c,
        }
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8} {:>8} {:>8}", self.a, self.b, self.c)
    }
}
