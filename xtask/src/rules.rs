//! What the design says about the workspace, and the tests that hold it to it.

/// For each package, those of our own that it may depend on (design: "The workspace").
pub(crate) const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("longshore-model", &[]),
    ("longshore-ecs", &["longshore-model"]),
    ("longshore-decide", &["longshore-model"]),
    ("longshore-world", &["longshore-model"]),
    ("longshore-control", &["longshore-model", "longshore-decide", "longshore-world"]),
    ("longshore-aws", &["longshore-model", "longshore-world"]),
    ("longshore-proxy", &["longshore-model", "longshore-world"]),
    ("longshore-engine", &["longshore-model", "longshore-ecs", "longshore-proxy"]),
    ("longshore-store", &["longshore-model", "longshore-world"]),
    ("longshore-outbound", &["longshore-model", "longshore-decide", "longshore-world"]),
    (
        "longshore-server",
        &["longshore-model", "longshore-decide", "longshore-world", "longshore-control", "longshore-store"],
    ),
    (
        "longshore",
        &[
            "longshore-model",
            "longshore-ecs",
            "longshore-decide",
            "longshore-world",
            "longshore-control",
            "longshore-aws",
            "longshore-engine",
            "longshore-proxy",
            "longshore-store",
            "longshore-outbound",
            "longshore-server",
        ],
    ),
    (
        "longshore-sim",
        &[
            "longshore-model",
            "longshore-decide",
            "longshore-ecs",
            "longshore-world",
            "longshore-control",
            "longshore-store",
        ],
    ),
    ("xtask", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The most lines of a source file, tests included.
    const FILE_LINES_LIMIT: usize = 500;
    /// Packages without I/O: no async, no clock, no threads.
    const PURE: [&str; 3] = ["model", "ecs", "decide"];

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
    }

    fn manifests() -> Vec<(PathBuf, toml::Table)> {
        let crates = fs_err::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
        let paths = crates.chain([root().join("xtask")]).map(|path| path.join("Cargo.toml"));
        paths.map(|path| (path.clone(), fs_err::read_to_string(&path).unwrap().parse().unwrap())).collect()
    }

    fn dependencies(manifest: &toml::Table, sections: &[&str]) -> BTreeSet<String> {
        let tables = sections.iter().filter_map(|section| manifest.get(*section)?.as_table());
        tables.flat_map(|table| table.keys().cloned()).collect()
    }

    fn name(manifest: &toml::Table) -> &str {
        manifest["package"]["name"].as_str().unwrap()
    }

    fn sources(directory: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                found.extend(sources(&entry));
            } else if entry.extension().is_some_and(|it| it == "rs") {
                found.push(entry);
            }
        }
        found
    }

    #[test]
    fn packages_depend_only_on_what_the_table_allows() {
        for (path, manifest) in manifests() {
            let package = name(&manifest);
            let row = MAY_DEPEND_ON.iter().find(|(known, _)| *known == package);
            let (_, may) = row.unwrap_or_else(|| panic!("{} is not in the table", path.display()));
            let ours = dependencies(&manifest, &["dependencies", "dev-dependencies", "build-dependencies"]);
            for dependency in ours.iter().filter(|it| it.starts_with("longshore")) {
                assert!(may.contains(&dependency.as_str()), "{package} may not depend on {dependency}");
            }
        }
    }

    #[test]
    fn only_the_aws_crate_knows_the_sdk() {
        for (_, manifest) in manifests() {
            let package = name(&manifest);
            for dependency in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
                let sdk = dependency.starts_with("aws-");
                assert!(!sdk || package == "longshore-aws", "{package} may not depend on {dependency}");
                assert_ne!(dependency, "aws-sdk-ec2");
            }
        }
    }

    #[test]
    fn pure_packages_have_no_async_clock_or_io() {
        let banned =
            ["async fn", "tokio", "std::fs", "fs_err", "std::net", "std::process", "SystemTime", "Instant::"];
        for package in PURE {
            for path in sources(&root().join("crates").join(package).join("src")) {
                let text = fs_err::read_to_string(&path).unwrap();
                for word in banned {
                    assert!(!text.contains(word), "{} contains `{word}`", path.display());
                }
            }
        }
    }

    #[test]
    fn every_package_takes_the_workspaces_lints() {
        for (path, manifest) in manifests() {
            let taken = manifest.get("lints").and_then(|lints| lints.get("workspace"));
            assert_eq!(taken.and_then(toml::Value::as_bool), Some(true), "{}", path.display());
        }
    }

    #[test]
    fn every_source_file_says_what_it_is_for_and_is_short() {
        for directory in ["crates", "xtask"] {
            for path in sources(&root().join(directory)) {
                let text = fs_err::read_to_string(&path).unwrap();
                assert!(text.starts_with("//! "), "{} does not begin with what it is for", path.display());
                let lines = text.lines().count();
                assert!(lines <= FILE_LINES_LIMIT, "{} has {lines} lines", path.display());
            }
        }
    }

    #[test]
    fn every_dependency_is_explained() {
        let page = fs_err::read_to_string(root().join("docs/dependencies.md")).unwrap();
        let first_column = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        let explained: BTreeSet<&str> = first_column.flat_map(|names| names.split(", ")).collect();
        for (_, manifest) in manifests() {
            for dependency in dependencies(&manifest, &["dependencies", "dev-dependencies"]) {
                let ours = dependency.starts_with("longshore");
                assert!(
                    ours || explained.contains(dependency.as_str()),
                    "{dependency} is not in docs/dependencies.md"
                );
            }
        }
    }

    #[test]
    fn no_mark_of_unfinished_work_is_left() {
        // Written in two parts, so that this file does not find itself.
        let marks = [
            concat!("FIX", "ME"),
            concat!("TO", "DO"),
            concat!("#[ign", "ore"),
            concat!("unimple", "mented!"),
        ];
        for directory in ["crates", "xtask"] {
            for path in sources(&root().join(directory)) {
                let text = fs_err::read_to_string(&path).unwrap();
                for mark in marks {
                    assert!(!text.contains(mark), "{} contains `{mark}`", path.display());
                }
            }
        }
    }

    /// The table of bugs in docs/ecs-deity.md names tests by file and name.
    #[test]
    fn the_tests_that_are_named_for_bugs_are_there() {
        let text = fs_err::read_to_string(root().join("docs/ecs-deity.md")).unwrap();
        let mut found = 0;
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            let mut file = None;
            for word in line.split('`').skip(1).step_by(2) {
                if word.ends_with(".rs") || word.ends_with(".py") {
                    let path =
                        if word.starts_with("tests/") { word.to_owned() } else { format!("crates/{word}") };
                    file = Some((word, fs_err::read_to_string(root().join(path)).unwrap()));
                } else if let Some((name, source)) = &file
                    && word.contains('_')
                {
                    let is_there =
                        ["fn", "def"].iter().any(|keyword| source.contains(&format!("{keyword} {word}(")));
                    assert!(is_there, "{name} has no test `{word}`");
                    found += 1;
                }
            }
        }
        assert!(found > 40, "the table was read");
    }
}
