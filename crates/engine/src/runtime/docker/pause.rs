//! The image of the container that holds a task's namespaces: one tiny program that sleeps. It is made here, byte by
//! byte, because no registry may be within reach.

/// The image's repository.
pub(super) const REPOSITORY: &str = "longshore/pause";
/// Changes with the image's content.
pub(super) const TAG: &str = "1";
/// Where the program is in the image.
pub(super) const PROGRAM: &str = "/pause";

/// Where the program is loaded: the usual place of a program that is not relocatable.
const LOAD_ADDRESS: u64 = 0x0040_0000;
const ELF_HEADER_BYTES: u16 = 64;
const PROGRAM_HEADER_BYTES: u16 = 56;
const TAR_BLOCK_BYTES: usize = 512;

/// `pause()` for ever: mov eax, 34; syscall; jmp back.
const X86_64: (u16, &[u8]) = (62, &[0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]);

/// `ppoll()` of nothing for ever: x0 to x3 = 0, x8 = 73; svc 0; branch back.
const AARCH64: (u16, &[u8]) = (
    183,
    &[
        0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80,
        0xd2, //
        0x28, 0x09, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
    ],
);

/// The image as a tar archive for a daemon on this architecture (as the daemon calls it), if we can make one.
pub(super) fn archive(architecture: &str) -> Option<Vec<u8>> {
    let (machine, code) = match architecture {
        "x86_64" | "amd64" => X86_64,
        "aarch64" | "arm64" => AARCH64,
        _ => return None,
    };
    Some(tar(PROGRAM.trim_start_matches('/'), &elf(machine, code)))
}

/// A static 64-bit program: the ELF header, one segment that is the whole file, and the code.
fn elf(machine: u16, code: &[u8]) -> Vec<u8> {
    let headers = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
    let size = u64::from(headers) + code.len() as u64;
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // an executable
    half(&mut file, machine);
    word(&mut file, 1); // the format's version
    long(&mut file, LOAD_ADDRESS + u64::from(headers)); // where it begins
    long(&mut file, u64::from(ELF_HEADER_BYTES)); // where the program header is
    long(&mut file, 0); // no section headers
    word(&mut file, 0); // no flags
    half(&mut file, ELF_HEADER_BYTES);
    half(&mut file, PROGRAM_HEADER_BYTES);
    half(&mut file, 1); // one program header
    half(&mut file, 0);
    half(&mut file, 0);
    half(&mut file, 0);
    word(&mut file, 1); // the segment is loaded,
    word(&mut file, 5); // readable and executable,
    long(&mut file, 0); // from the file's start
    long(&mut file, LOAD_ADDRESS);
    long(&mut file, LOAD_ADDRESS);
    long(&mut file, size);
    long(&mut file, size);
    long(&mut file, 0x1_0000); // the largest page size in use
    file.extend(code);
    file
}

/// A tar archive of one executable file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = vec![0; TAR_BLOCK_BYTES];
    let mut field = |at: usize, text: &str| archive[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000555"); // mode
    field(108, "0000000"); // owner
    field(116, "0000000"); // group
    field(124, &format!("{:011o}", content.len()));
    field(136, "00000000000"); // time
    field(148, "        "); // the checksum counts as spaces
    field(156, "0"); // a plain file
    field(257, "ustar\x0000");
    let checksum: u32 = archive.iter().map(|byte| u32::from(*byte)).sum();
    archive[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());
    archive.extend(content);
    // The content fills its last block; two empty blocks end the archive.
    archive.resize((archive.len().div_ceil(TAR_BLOCK_BYTES) + 2) * TAR_BLOCK_BYTES, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_holds_a_program_for_the_daemons_architecture() {
        for (architecture, machine, jump) in [("amd64", 62, 0xeb), ("aarch64", 183, 0xfa)] {
            let archive = archive(architecture).expect("an archive");
            assert_eq!(&archive[..6], b"pause\0");
            assert_eq!(&archive[512..516], b"\x7fELF");
            assert_eq!(archive[512 + 18], machine);
            assert_eq!(archive[512 + 24..512 + 28], [0x78, 0, 0x40, 0], "begins after the headers");
            assert!(archive[512 + 120..].contains(&jump));
            assert_eq!(archive.len() % TAR_BLOCK_BYTES, 0);
        }
        assert_eq!(archive("riscv64"), None);
    }
}
