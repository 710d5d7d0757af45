//! HTTP/1.1 on the wire: heads, bodies, and what may not pass. Strict: what could be read in two ways is refused.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod name;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod rewrite;
pub(crate) mod scan;
