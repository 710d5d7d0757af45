//! What a program needs of the machine that it runs on, read from its file.

use goblin::elf::Elf;
use goblin::elf::header::{
    EI_OSABI, ELFOSABI_GNU, ELFOSABI_NONE, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, machine_to_str,
};

use crate::error::Failed;

/// The C library of `provided.al2023`, as of Amazon Linux 2023 as a whole.
/// <https://docs.aws.amazon.com/linux/al2023/ug/glibc.html>
const GLIBC: [u32; 2] = [2, 34];

/// What the names of its symbol versions begin with.
const GLIBC_PREFIX: &str = "GLIBC_";

/// A processor that Lambda has, in CloudFormation's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }

    /// The one that Rust calls so.
    const fn target(self) -> &'static str {
        match self {
            Self::X86 => "x86_64-unknown-linux-gnu",
            Self::Arm => "aarch64-unknown-linux-gnu",
        }
    }
}

/// A program that Lambda can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) architecture: Architecture,
    pub(crate) has_debug_info: bool,
}

/// Reads a program; `name` is for errors. Refuses what does not start on `provided.al2023`, and says why.
pub(crate) fn inspect(name: &str, bytes: &[u8]) -> Result<Program, Failed> {
    let Ok(elf) = Elf::parse(bytes) else {
        return Err(Failed::new(format!("`{name}` is no Linux program (no ELF file)"))
            .with_hint("name a `longshore` that was built for Linux with --binary"));
    };
    let unfit = |why: String| Failed::new(format!("`{name}` cannot run on Lambda: {why}"));
    let system = elf.header.e_ident[EI_OSABI];
    if !matches!(system, ELFOSABI_NONE | ELFOSABI_GNU) {
        return Err(unfit(format!("it is for another operating system than Linux (ABI {system})")));
    }
    if !matches!(elf.header.e_type, ET_EXEC | ET_DYN) {
        return Err(unfit("it is an object file, and no program".to_owned()));
    }
    let architecture = match elf.header.e_machine {
        EM_X86_64 if elf.is_64 && elf.little_endian => Architecture::X86,
        EM_AARCH64 if elf.is_64 && elf.little_endian => Architecture::Arm,
        other => {
            let machine = machine_to_str(other);
            return Err(unfit(format!("it is for {machine}, and Lambda has x86_64 and arm64")));
        }
    };
    let loader = elf.interpreter.map(|loader| loader.trim_end_matches('\0'));
    if let Some(loader) = loader.filter(|loader| !loader.contains("ld-linux")) {
        let why = format!("it is started by {loader}, which is not there");
        return Err(unfit(why).with_hint("link it statically, or build it for glibc"));
    }
    if let Some(version) = newest_glibc(&elf).filter(|version| is_too_new(version)) {
        let [major, minor] = GLIBC;
        let why =
            format!("it needs {version} of the C library, and `provided.al2023` has GLIBC_{major}.{minor}");
        return Err(unfit(why).with_hint(how_to_build(architecture)));
    }
    let has_debug_info = elf
        .section_headers
        .iter()
        .any(|section| elf.shdr_strtab.get_at(section.sh_name).is_some_and(|name| name == ".debug_info"));
    Ok(Program { architecture, has_debug_info })
}

/// The newest version of a symbol of glibc that it is linked to. A static program is linked to none.
fn newest_glibc<'a>(elf: &Elf<'a>) -> Option<&'a str> {
    let libraries = elf.verneed.as_ref()?;
    let mut newest = None;
    for library in libraries.iter() {
        let names = library.iter().filter_map(|version| elf.dynstrtab.get_at(version.vna_name));
        let glibc = names.filter(|name| name.starts_with(GLIBC_PREFIX));
        newest = newest.into_iter().chain(glibc).max_by_key(|name| numbers(name));
    }
    newest
}

fn is_too_new(version: &str) -> bool {
    numbers(version).as_slice() > GLIBC.as_slice()
}

/// `GLIBC_2.2.5` as 2, 2, 5. A word, such as `GLIBC_ABI_DT_RELR`, marks what came after 2.34 and is above all numbers;
/// `GLIBC_PRIVATE` marks nothing.
fn numbers(version: &str) -> Vec<u32> {
    match version.strip_prefix(GLIBC_PREFIX) {
        None | Some("PRIVATE") => Vec::new(),
        Some(text) => text.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect(),
    }
}

fn how_to_build(architecture: Architecture) -> String {
    let target = architecture.target();
    let [major, minor] = GLIBC;
    format!(
        "in a clone of Longshore, build one for the older library (or a static one for musl):\n  \
         python3 -m venv zig && zig/bin/pip install ziglang cargo-zigbuild\n  \
         PATH=$PWD/zig/bin:$PATH cargo zigbuild --release -p longshore --target {target}.{major}.{minor}\n  \
         longshore lambda package --binary target/{target}/release/longshore"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for fit in ["GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.34", "GLIBC_PRIVATE"] {
            assert!(!is_too_new(fit), "{fit}");
        }
        for new in ["GLIBC_2.34.1", "GLIBC_2.35", "GLIBC_2.100", "GLIBC_3.0", "GLIBC_ABI_DT_RELR"] {
            assert!(is_too_new(new), "{new}");
        }
    }

    #[test]
    fn the_next_step_is_for_the_same_processor() {
        let hint = how_to_build(Architecture::Arm);
        assert!(hint.contains("--target aarch64-unknown-linux-gnu.2.34"), "{hint}");
        assert!(hint.contains("--binary target/aarch64-unknown-linux-gnu/release/longshore"), "{hint}");
    }
}
