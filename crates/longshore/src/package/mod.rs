//! The package of the Lambda function: a zip with this program in it, under the name that Lambda starts.

mod program;

use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

pub(crate) use program::Architecture;

use crate::error::Failed;

/// What a package is called unless the user says otherwise, as a file and in a bucket.
pub(crate) const NAME: &str = "longshore-lambda.zip";

/// What Lambda starts. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>
const BOOTSTRAP: &str = "bootstrap";

/// Lambda refuses more, unpacked. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_PROGRAM: usize = 250 * MIB;

const MIB: usize = 1024 * 1024;

/// A package, fit for Lambda.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) bytes: Vec<u8>,
    pub(crate) architecture: Architecture,
    /// What is not good about it, although it works.
    pub(crate) warning: Option<String>,
}

/// Packs a program. Equal programs give equal bytes.
pub(crate) fn pack(program: &Path) -> Result<Package, Failed> {
    let name = program.display().to_string();
    let content =
        fs_err::read(program).map_err(|error| Failed::new("cannot read the program").caused_by(error))?;
    let (architecture, warning) = check(&name, &content)?;
    let bytes =
        zip(&content).map_err(|error| Failed::new(format!("cannot pack `{name}`")).caused_by(error))?;
    Ok(Package { bytes, architecture, warning })
}

/// Reads a package that was made before.
pub(crate) fn read(file: &Path) -> Result<Package, Failed> {
    let name = file.display().to_string();
    let hint = "make one with `longshore lambda package`";
    let unreadable = |error: anyhow::Error| {
        Failed::new(format!("`{name}` is no package of Longshore")).caused_by(error).with_hint(hint)
    };
    let bytes = fs_err::read(file)
        .map_err(|error| Failed::new("cannot read the package").caused_by(error).with_hint(hint))?;
    let program = unzip(&bytes).map_err(unreadable)?;
    let (architecture, warning) = check(&name, &program)?;
    Ok(Package { bytes, architecture, warning })
}

/// Writes a file that appears whole, or not at all.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let all = || -> std::io::Result<()> {
        // As other files are made: readable for all, as far as the umask lets.
        let permissions = std::fs::Permissions::from_mode(0o666);
        let mut whole = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
        whole.write_all(bytes)?;
        whole.persist(file).map_err(|error| error.error)?;
        Ok(())
    };
    all().map_err(|error| Failed::new(format!("cannot write `{}`", file.display())).caused_by(error))
}

fn check(name: &str, program: &[u8]) -> Result<(Architecture, Option<String>), Failed> {
    if program.len() > LARGEST_PROGRAM {
        let text = format!("`{name}` has {} MiB, and Lambda takes {}", mib(program), LARGEST_PROGRAM / MIB);
        return Err(Failed::new(text).with_hint("build it with --release"));
    }
    let found = program::inspect(name, program)?;
    let warning = found.has_debug_info.then(|| {
        format!(
            "`{name}` has {} MiB with debug info, which makes cold starts slow: build it with --release",
            mib(program)
        )
    });
    Ok((found.architecture, warning))
}

fn mib(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(MIB)
}

fn zip(program: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(BOOTSTRAP, options)?;
    archive.write_all(program)?;
    Ok(archive.finish()?.into_inner())
}

fn unzip(package: &[u8]) -> Result<Vec<u8>, anyhow::Error> {
    let mut archive = ZipArchive::new(Cursor::new(package))?;
    let entry = archive.by_name(BOOTSTRAP).map_err(|error| anyhow::anyhow!("{BOOTSTRAP}: {error}"))?;
    let mut program = Vec::new();
    // One byte more than fits shows that it is too large, however large it claims to be.
    entry.take(LARGEST_PROGRAM as u64 + 1).read_to_end(&mut program)?;
    Ok(program)
}
