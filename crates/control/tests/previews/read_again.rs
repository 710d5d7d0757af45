//! What is read again.

use std::sync::Arc;

use longshore_control::book::{Book, LastRead, ROSTER, put, remove};
use longshore_world::Expect;

use crate::memory::Memory;

async fn read(book: &Book, last: &mut LastRead<String>) -> Vec<Arc<String>> {
    book.all_again(ROSTER, last).await.unwrap()
}

fn said(documents: &[Arc<String>]) -> Vec<&str> {
    documents.iter().map(|it| it.as_str()).collect()
}

#[tokio::test]
async fn what_has_not_changed_is_not_taken_apart_again() {
    let book = Book::new(Arc::new(Memory::default()));
    let names: Vec<String> = (0..1005).map(|number| format!("{number:05}")).collect();
    for part in names.chunks(100) {
        let writes = part.iter().map(|name| put(ROSTER, name, Expect::Absent, name)).collect();
        assert!(book.write(writes).await.unwrap());
    }
    let mut last = LastRead::default();
    let first = read(&book, &mut last).await;
    assert_eq!(said(&first), names, "over more than a page");
    let removed = remove(ROSTER, names[0].clone(), Expect::Anything);
    let changed = put(ROSTER, names[2].clone(), Expect::Anything, &"changed");
    assert!(book.write(vec![removed, changed]).await.unwrap());
    let second = read(&book, &mut last).await;
    assert_eq!(said(&second)[..2], [&names[1], "changed"]);
    assert_eq!(second.len(), names.len() - 1);
    assert!(Arc::ptr_eq(&second[0], &first[1]) && !Arc::ptr_eq(&second[1], &first[2]));
    let again = put(ROSTER, names[0].clone(), Expect::Absent, &"made anew");
    assert!(book.write(vec![again]).await.unwrap());
    assert_eq!(said(&read(&book, &mut last).await)[..3], ["made anew", &names[1], "changed"]);
}
