//! Requests that try to pass as something else, and what must become of each: see `corpus.txt`.

use std::sync::{Arc, Mutex};

use crate::support::{Raw, Upstream, proxy, soon, table};

/// One entry of the corpus.
#[derive(Debug, Default)]
struct Entry {
    name: String,
    bytes: Vec<u8>,
    statuses: Vec<u16>,
    /// Whether the connection ends afterwards.
    closed: bool,
    /// The request lines that the target must see, no more and no fewer.
    lines: Vec<String>,
    /// What the target must not see.
    never: Vec<String>,
    /// What it must see.
    always: Vec<String>,
}

fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in include_str!("corpus.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("= ") {
            entries.push(Entry { name: name.into(), ..Entry::default() });
            continue;
        }
        let entry = entries.last_mut().unwrap();
        if let Some(statuses) = line.strip_prefix("-> ") {
            entry.statuses = statuses.split(' ').filter_map(|it| it.parse().ok()).collect();
            entry.closed = statuses.ends_with("closed") || entry.statuses.last() != Some(&200);
        } else if let Some(text) = line.strip_prefix("line: ") {
            entry.lines.push(text.into());
        } else if let Some(text) = line.strip_prefix("never: ") {
            entry.never.push(String::from_utf8(unescape(text)).unwrap());
        } else if let Some(text) = line.strip_prefix("always: ") {
            entry.always.push(String::from_utf8(unescape(text)).unwrap());
        } else {
            entry.bytes.extend(unescape(line));
        }
    }
    entries
}

/// `\r`, `\n`, `\t`, `\0` and `\xHH` are bytes, and `{TEXT*COUNT}` is a text so many times.
fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let mut taken = letter.len_utf8();
        match (letter, rest.as_bytes().get(1)) {
            ('\\', Some(b'x')) => {
                bytes.push(u8::from_str_radix(&rest[2..4], 16).unwrap());
                taken = 4;
            }
            ('\\', Some(escaped)) => {
                let known = [(b'r', b'\r'), (b'n', b'\n'), (b't', b'\t'), (b'0', b'\0'), (b'\\', b'\\')];
                bytes.push(known.iter().find(|(name, _)| name == escaped).unwrap().1);
                taken = 2;
            }
            ('{', _) => {
                let end = rest.find('}').unwrap();
                let (text, count) = rest[1..end].rsplit_once('*').unwrap();
                bytes.extend(unescape(text).repeat(count.parse().unwrap()));
                taken = end + 1;
            }
            _ => bytes.extend(&rest.as_bytes()[..taken]),
        }
        rest = &rest[taken..];
    }
    bytes
}

#[tokio::test]
async fn every_request_of_the_corpus_gets_its_verdict() {
    let seen = Arc::new(Mutex::new(Vec::<String>::new()));
    let heads = seen.clone();
    let target = Upstream::start(move |mut raw: Raw| {
        let heads = heads.clone();
        async move {
            while let Ok(request) = raw.message().await {
                let headers: String =
                    request.headers.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
                heads.lock().unwrap().push(format!("{}{headers}\n", request.first));
                raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            }
        }
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let all = entries();
    assert!(all.len() > 60, "the corpus is read");
    for entry in all {
        seen.lock().unwrap().clear();
        let mut client = Raw::connect(address).await;
        client.send(&entry.bytes).await;
        let mut statuses = Vec::new();
        while statuses.len() < entry.statuses.len() {
            match soon(client.message()).await {
                Ok(answer) => statuses.push(answer.status()),
                Err(_) => break,
            }
        }
        assert_eq!(statuses, entry.statuses, "{}", entry.name);
        if entry.closed {
            assert!(client.is_closed().await, "{}: the connection stays open", entry.name);
        }
        let seen = seen.lock().unwrap();
        let lines: Vec<_> = seen.iter().filter_map(|head| head.lines().next()).collect();
        assert_eq!(lines, entry.lines, "{}", entry.name);
        for text in &entry.never {
            assert!(!seen.iter().any(|head| head.to_lowercase().contains(text)), "{}: {seen:?}", entry.name);
        }
        for text in &entry.always {
            assert!(seen.iter().all(|head| head.contains(text)), "{}: {seen:?}", entry.name);
        }
    }
}
