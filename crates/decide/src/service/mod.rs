//! Services, as `longshore apply` brings them about.

pub mod files;
