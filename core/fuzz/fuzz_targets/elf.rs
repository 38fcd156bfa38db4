//! The smallest kernel around the bytes that are to be read: a section of text, a section with a name, no symbols.

/// An ELF file with `.text` and one more section.
pub fn kernel(text: &[u8], name: &str, bytes: &[u8]) -> Vec<u8> {
    let names = format!("\0.text\0{name}\0.shstrtab\0");
    let sections: [(usize, u32, u64, u64, &[u8]); 3] = [
        (1, 1, 6, 0xffff_ffff_8100_0000, text),
        (7, 1, 2, 0xffff_ffff_8200_0000, bytes),
        (8 + name.len(), 3, 0, 0, names.as_bytes()),
    ];
    let mut out = vec![0; 64];
    let mut headers = vec![0; 64];
    for (at, kind, flags, addr, bytes) in sections {
        let mut header = Vec::new();
        header.extend_from_slice(&(at as u32).to_le_bytes());
        header.extend_from_slice(&u32::to_le_bytes(kind));
        for word in [flags, addr, out.len() as u64, bytes.len() as u64, 0, 16, 0] {
            header.extend_from_slice(&u64::to_le_bytes(word));
        }
        headers.extend_from_slice(&header);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(16), 0);
    }
    let table = out.len() as u64;
    out.extend_from_slice(&headers);
    out[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    out[16..20].copy_from_slice(&[2, 0, 62, 0]);
    out[20] = 1;
    out[40..48].copy_from_slice(&table.to_le_bytes());
    out[52..54].copy_from_slice(&64_u16.to_le_bytes());
    out[58..64].copy_from_slice(&[64, 0, 4, 0, 3, 0]);
    out
}
