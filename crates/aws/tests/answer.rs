//! An answer to CloudFormation on the wire and in the logs: both are decided by the HTTP library and the SDK. One test,
//! because a log of everything cannot be shared with others.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use longshore_aws::{Aws, Settings};
use longshore_world::CloudFormation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const BODY: &str = r#"{"a":1}"#;

#[tokio::test]
async fn the_empty_content_type_is_sent_and_the_address_is_in_no_log() {
    let log = Log::default();
    let written = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    tracing::subscriber::set_global_default(written.finish()).unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/stack%7Cmigrate%7C1?Signature=hush%2Fb", listener.local_addr().unwrap());
    let server = tokio::spawn(take_one(listener));
    let aws =
        Aws::connect(Settings { region: Some("eu-west-1".into()), ..Settings::default() }).await.unwrap();
    aws.answer(&url, BODY).await.unwrap();

    let request = server.await.unwrap();
    assert!(request.starts_with("PUT /stack%7Cmigrate%7C1?Signature=hush%2Fb HTTP/1.1\r\n"), "{request}");
    let headers = request.to_lowercase();
    assert!(headers.contains("\r\ncontent-type: \r\n"), "{request}");
    assert!(headers.contains("\r\ncontent-length: 7\r\n"), "{request}");
    assert!(!headers.contains("authorization") && !headers.contains("transfer-encoding"), "{request}");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("transmitting request"), "nothing was logged: {log}");
    assert!(!log.contains("hush") && !log.contains("migrate"), "{log}");
}

/// Takes one request with the body, and answers it.
async fn take_one(listener: TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(BODY.as_bytes()) {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "{request:?}");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    String::from_utf8(request).unwrap()
}

/// All that was written, for the test to read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
