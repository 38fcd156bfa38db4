//! What a kernel comes in: boot images, packages, an initramfs, directories; and where its symbols lie.

use std::process::Command;

use super::super::harness::{User, needs};
use super::build::{module, vmlinux};
use super::{json, records, scan};

/// A boot image around a gzip of the kernel, as its build makes it.
fn boot_image(kernel: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, kernel).expect("memory");
    let payload = gzip.finish().expect("memory");
    let mut out = vec![0; 1024];
    out[0x1f1] = 1;
    out[0x202..0x206].copy_from_slice(b"HdrS");
    out[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    out[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    [out, payload].concat()
}

#[test]
fn a_boot_image_is_read_as_the_kernel_in_it() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &[]) else { return };
    user.write("vmlinuz-6.1.0-made", boot_image(&std::fs::read(path).expect("the kernel")));
    let (plain, boot) = (json(&user, &["vmlinux"]), json(&user, &["vmlinuz-6.1.0-made"]));
    assert_eq!(plain["total"], boot["total"]);
    assert_eq!((&boot["images"][0]["boot_image"], &boot["images"][0]["compression"]), (&true.into(), &"gzip".into()));
    let said = scan(&user, &["vmlinuz-6.1.0-made"]).ok().out;
    assert!(said.starts_with("Linux 6.1.0-made (bzImage, gzip), x86-64"), "{said}");
    let shown = scan(&user, &["vmlinuz-6.1.0-made", "--at", "busy"]).ok().out;
    assert_eq!(shown, scan(&user, &["vmlinux", "--at", "busy"]).ok().out);
    scan(&user, &["--diff", "vmlinux", "vmlinuz-6.1.0-made", "--exit-code"]).ok();
    // In a directory its name says what it is.
    user.write("boot/vmlinuz-6.1.0-made", std::fs::read(user.path("vmlinuz-6.1.0-made")).expect("the image"));
    user.write("boot/config-6.1.0-made", "CONFIG_X86_64=y");
    assert_eq!(json(&user, &["boot"])["total"], plain["total"]);
}

#[test]
fn the_modules_of_a_package_and_of_an_initramfs_are_read() {
    let user = User::new();
    if !(needs("dpkg-deb") && needs("cpio")) {
        return;
    }
    let Some(made) = module(&user, "made.ko") else { return };
    let made = std::fs::read(made).expect("the module");
    for name in ["root/usr/lib/modules/6.1.0-made/kernel/a.ko", "root/usr/lib/modules/6.1.0-made/kernel/b.ko"] {
        user.write(name, &made);
    }
    user.write(
        "root/DEBIAN/control",
        "Package: made\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nDescription: made\n",
    );
    let run = |command: &mut Command| {
        let output = command.current_dir(user.path("")).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build", "root", "made.deb"]));
    run(Command::new("sh").args([
        "-c",
        "cd root && find usr | cpio -o -H newc --quiet > ../plain.img && gzip -c ../plain.img > ../initrd.img",
    ]));
    let one = json(&user, &["made.ko"]);
    let tree = json(&user, &["root/usr/lib/modules/6.1.0-made"]);
    assert_eq!(records(&tree, "ftrace"), 2 * records(&one, "ftrace"));
    for archive in ["made.deb", "plain.img", "initrd.img"] {
        let value = json(&user, &[archive]);
        assert_eq!(value["total"], tree["total"], "{archive}");
        let paths: Vec<_> = value["images"].as_array().expect("images").iter().map(|i| i["path"].clone()).collect();
        assert_eq!(
            paths,
            ["a", "b"].map(|n| format!("{archive}/usr/lib/modules/6.1.0-made/kernel/{n}.ko")),
            "{archive}"
        );
    }
    let deb = std::fs::read(user.path("made.deb")).expect("the package");
    user.write("cut.deb", &deb[..deb.len() / 2]);
    let said = scan(&user, &["cut.deb"]).ends(3);
    assert!(said.err.contains("cut.deb: damaged as") || said.out.contains("cut.deb: damaged as"), "{}", said.all());
}

#[test]
fn symbols_are_found_where_packages_from_6_19_on_put_them() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &[]) else { return };
    let moved = user.write("debug/lib/modules/6.19.0-made/vmlinux", std::fs::read(path).expect("the kernel"));
    std::fs::create_dir_all(user.path("debug/boot")).expect("a directory");
    std::os::unix::fs::symlink("../../nowhere/vmlinux", user.path("debug/boot/vmlinux-6.19.0-made")).expect("a link");
    let value = json(&user, &["debug/boot/vmlinux-6.19.0-made"]);
    assert_eq!(records(&value, "ftrace"), 3);
    assert!(value["images"][0]["path"].as_str().is_some_and(|p| p.starts_with("debug/")), "{value}");
    // In a directory the link that leads nowhere is no failure, and a link to the file does not count it twice.
    std::os::unix::fs::symlink(moved, user.path("debug/boot/vmlinux-linked")).expect("a link");
    assert_eq!(json(&user, &["debug"])["total"], value["total"]);
}
