//! Gathers the built-in course into one folder, which `src/assets.rs` embeds.
//!
//! Only the course's own files are taken: a `target/` that an editor left beside a template must not end up in the
//! binary.
//!
//! In the published crate a learner's `Cargo.toml` has another name; see `scripts/package`.

use std::ffi::OsString;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let out = Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("course");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    for folder in ["exercises", "templates", "solutions", "starters"] {
        println!("cargo:rerun-if-changed={folder}");
        copy(Path::new(folder), &out.join(folder))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let published = name == "Cargo.toml.packaged";
        let name = if published { OsString::from("Cargo.toml") } else { name };
        if name == "target" || name == ".workshop" || name.to_string_lossy().ends_with(".orig") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}
