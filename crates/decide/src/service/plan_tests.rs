//! Tests are beside this file.
