//! The image of the example app: this program and the libraries that it has loaded. No registry is asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use longshore_engine::runtime::docker::DockerRuntime;
use sha2::{Digest, Sha256};

const REPOSITORY: &str = "longshore/example";

/// Where programs name their loader, which the list of loaded files shows under its real path.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// Makes the image of this very program unless it is there, and gives its name.
pub(crate) async fn provide(docker: &DockerRuntime) -> Result<String> {
    let tag = tag().context("cannot read this program's own file")?;
    let image = format!("{REPOSITORY}:{tag}");
    if !docker.has_image(&image).await {
        let archive = archive().context("cannot make the image of the example app")?;
        let made = docker.import_image(REPOSITORY, &tag, archive).await;
        made.context("cannot make the image of the example app")?;
    }
    Ok(image)
}

/// Differs from program to program: what it is made of, in short.
fn tag() -> Result<String> {
    let digest = Sha256::digest(fs_err::read(std::env::current_exe()?)?);
    Ok(hex::encode(&digest[..6]))
}

fn archive() -> Result<Vec<u8>> {
    let program = std::env::current_exe()?;
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, &program, Path::new("usr/local/bin/longshore"))?;
    for library in libraries(&program)? {
        let inside = library.strip_prefix("/").unwrap_or(&library).to_owned();
        append(&mut archive, &library, &inside)?;
    }
    Ok(archive.into_inner()?)
}

fn append(archive: &mut tar::Builder<Vec<u8>>, from: &Path, to: &Path) -> Result<()> {
    let content = fs_err::read(from)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    Ok(archive.append_data(&mut header, to, content.as_slice())?)
}

/// The shared libraries that are loaded into this process, and its loader.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let maps = fs_err::read_to_string("/proc/self/maps")?;
    let files = maps.lines().filter_map(|line| line.split_once('/')).map(|(_, path)| format!("/{path}"));
    let loaded = files.map(PathBuf::from).filter(|path| path != program && path.is_file());
    let loaders = LOADERS.iter().map(PathBuf::from).filter(|path| path.is_file());
    Ok(loaded.chain(loaders).collect())
}
