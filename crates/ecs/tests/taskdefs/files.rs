//! Task definitions from public repositories: the valid ones lose nothing, the others are refused with ECS's reason.

use std::path::{Path, PathBuf};

use super::must_register;

#[test]
fn look() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/taskdefs");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for f in files {
        let t = std::fs::read_to_string(&f).unwrap();
        let name = f.file_name().unwrap().to_string_lossy().into_owned();
        let v: serde_json::Value = match serde_json::from_str(&t) {
            Ok(v) => v,
            Err(e) => {
                println!("{name}: {e}");
                continue;
            }
        };
        let v = v.get("taskDefinition").cloned().unwrap_or(v);
        match super::try_register(&v) {
            Ok(r) => println!("{name}: OK {:?}", r.compatibilities),
            Err(e) => println!("{name}: {e}"),
        }
    }
    let _ = must_register;
}
