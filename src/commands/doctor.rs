//! `workshop doctor`: has this machine what is needed?

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use colored::Colorize;

use crate::assets::Catalog;
use crate::build::Package;
use crate::course::{Check, Party, fill_words};
use crate::error::Result;
use crate::report::{print, width, wrap};
use crate::stillness::SocketTable;
use crate::workspace::Workspace;

/// A workspace with fewer bytes left on its disk can't hold the builds of a course.
#[cfg(unix)]
const ROOM: u64 = 4 << 30;

/// Looks at everything, and says what to do about what is missing.
pub fn doctor(course: Option<&Path>) -> Result<bool> {
    let here = super::here()?;
    let workspace = if Workspace::exists(&here)? { Some(Workspace::find(&here, course)?) } else { None };
    let mut good = true;
    match &workspace {
        Some(workspace) => good &= line(true, &format!("the workspace is {}", workspace.root.display()), ""),
        None => good &= line(true, "there is no workspace here yet (`workshop next` makes one)", ""),
    }
    let catalog = match &workspace {
        Some(workspace) => workspace.catalog.clone(),
        None => super::open_course(course)?,
    };
    for (name, track) in &catalog.course.tracks {
        let (root, package) = places(&catalog, workspace.as_ref(), name)?;
        for check in &track.checks {
            good &= look(check, root.as_deref(), package.as_ref());
        }
    }
    good &= line(
        TcpListener::bind(("127.0.0.1", 0)).is_ok(),
        "ports can be had on loopback",
        "is a sandbox or a firewall in the way? Peers listen on 127.0.0.1",
    );
    let seen = SocketTable::open().is_some();
    line(
        seen || !cfg!(target_os = "linux"),
        if seen {
            "the kernel tells what peers have read (sock_diag)"
        } else {
            "the kernel does not tell what peers have read: fragments may merge on this system"
        },
        "a sandbox forbids netlink: fragmented links are paced by the clock here, and may miss a mistake",
    );
    good &= disk(workspace.as_ref().map_or(here.as_path(), |workspace| workspace.root.as_path()));
    print(if good { "All is well.\n" } else { "Something is missing.\n" });
    Ok(good)
}

fn places(
    catalog: &Catalog,
    workspace: Option<&Workspace>,
    track: &str,
) -> Result<(Option<std::path::PathBuf>, Option<Package>)> {
    let Some(workspace) = workspace.filter(|workspace| workspace.state.track == track) else { return Ok((None, None)) };
    let built = super::built(workspace, &catalog.course.stages[0], false)?;
    debug_assert_eq!(built.you.party, Party::You);
    Ok((Some(workspace.root.clone()), Some(built.you)))
}

/// One check of a track: in the workspace where there is one, otherwise only what needs none.
fn look(check: &Check, root: Option<&Path>, package: Option<&Package>) -> bool {
    let needs_workspace = check.run.iter().any(|word| word.contains('{'));
    if needs_workspace && package.is_none() {
        return true;
    }
    let fill = |word: &String| {
        fill_words(word, &|name| {
            let package = package?;
            let path = match name {
                "root" => &package.root,
                "out" => &package.out,
                "cache" => &package.cache,
                _ => return None,
            };
            Some(path.display().to_string())
        })
    };
    let words: Vec<String> = check.run.iter().map(fill).collect();
    let Some((program, args)) = words.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(root) = root {
        command.current_dir(root);
    }
    line(command.status().is_ok_and(|status| status.success()), &check.what, &check.fix)
}

#[cfg(unix)]
fn disk(path: &Path) -> bool {
    let Ok(stat) = rustix::fs::statvfs(path) else { return true };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let shown = free as f64 / f64::from(1 << 30);
    line(
        free >= ROOM,
        &format!("{shown:.1} GiB are free on this disk"),
        "builds of the whole course take some GiB: make room",
    )
}

#[cfg(not(unix))]
fn disk(_: &Path) -> bool {
    true
}

fn line(good: bool, what: &str, fix: &str) -> bool {
    let mark = if good { "✓".green() } else { "✗".red().bold() };
    print(&format!("{mark} {what}\n"));
    if !good {
        print(&wrap(fix, width(), "    "));
    }
    good
}
