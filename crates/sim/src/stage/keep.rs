//! A store whose calls pass a process's wire: a crash may come before a write or right after it.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::Error;
use longshore_world::{Row, Scan, Store, Write, Written};

use super::Wire;

/// See [`super::Stage::keep`].
#[derive(Debug)]
pub struct Keep {
    pub(super) store: Arc<dyn Store>,
    pub(super) wire: Arc<Wire>,
}

#[async_trait]
impl Store for Keep {
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error> {
        self.wire.pass().await;
        self.store.read(table, key).await
    }

    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error> {
        self.wire.pass().await;
        self.store.scan(table, scan).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error> {
        self.wire.pass().await;
        let written = self.store.write(writes).await;
        self.wire.pass().await;
        written
    }
}
