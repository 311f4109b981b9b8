//! The last verify as pictures: in the terminal, as SVG, and as a page in a real browser.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/browser.rs"]
mod browser;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::fs;
use std::path::Path;

use browser::{Browser, comes};
use fantoccini::Locator;
use support::learner::Learner;

/// Somebody whose conversation fails over fragmented links, after a verify.
fn learner() -> Learner {
    let learner = Learner::new("scripts", "python");
    learner.command(&["next", "--skip"]).success();
    learner.command(&["verify", "--scenario", "greeting", "--html", "page.html"]).code(1);
    learner
}

#[test]
fn a_run_is_drawn_in_columns() {
    let learner = learner();
    let list = learner.command(&["trace", "--list"]).success().text();
    assert!(list.lines().any(|line| line.starts_with("✓    1  greeting · you/you · clear")), "{list}");
    let failed = list.lines().find(|line| line.starts_with('✗')).expect("one that failed");
    let number = failed.split_whitespace().nth(1).expect("its number");
    let drawn = learner.command(&["trace"]).success().text();
    assert_eq!(drawn, learner.command(&["trace", "--run", number]).success().text(), "the first that failed");
    for expected in
        ["listener (you)", "┌ starts", "◀", "connected", "│ ✗ ", "read-as-message", &format!("run {number} of 12")]
    {
        assert!(drawn.contains(expected), "{expected} is not in {drawn}");
    }
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    // The column of who listens begins where its title does, in every line in which it is up.
    let title = drawn.lines().find(|line| line.contains("listener (you)")).expect("titles");
    let column = title.chars().position(|c| c == 'l').expect("a column");
    let starts = drawn.lines().find(|line| line.contains("┌ starts")).expect("a start");
    assert_eq!(starts.chars().nth(column), Some('┌'), "{drawn}");
}

#[test]
fn where_there_is_no_room_for_columns_there_are_lines() {
    let learner = learner();
    let drawn = learner.start_with(&["trace"], &[("COLUMNS", "30")]).end().success().text();
    assert!(drawn.contains("listener starts") && !drawn.contains('┌'), "{drawn}");
}

#[test]
fn what_is_not_there_is_said() {
    let learner = Learner::new("scripts", "sh");
    let done = learner.command(&["trace"]).code(2);
    assert!(done.stderr.contains("there is no run of shout yet") && done.stderr.contains("workshop verify shout"));
    learner.command(&["verify"]).code(1);
    let done = learner.command(&["trace", "--run", "99"]).code(2);
    assert!(done.stderr.contains("there is no run 99") && done.stderr.contains("1 to 2"), "{}", done.stderr);
    fs::write(learner.file(".workshop/last/shout.json"), "{}").expect("written");
    let done = learner.command(&["trace"]).code(2);
    assert!(done.stderr.contains("can't be read") && done.stderr.contains("workshop verify shout"), "{}", done.stderr);
    learner.command(&["verify"]).code(1);
    let done = learner.command(&["trace", "--svg", "no/such/folder.svg"]).code(2);
    assert!(done.stderr.contains("no/such/folder.svg"), "{}", done.stderr);
    learner.command(&["trace"]).success();
}

/// What peers print is shown as it is, and never obeyed.
#[test]
fn what_peers_print_is_no_html() {
    let learner = Learner::new("scripts", "sh");
    let evil = "printf '<script>alert(1)</script>\\033[31m&amp;\\n'; cat > /dev/null";
    fs::write(learner.file("shout/crier.sh"), evil).expect("written");
    learner.command(&["verify", "--html", "page.html"]).code(1);
    learner.command(&["trace", "--svg", "picture.svg"]).success();
    for file in ["page.html", "picture.svg"] {
        let text = fs::read_to_string(Path::new(learner.mark()).join(file)).expect("written");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m&amp;amp;"), "{file}");
        assert!(!text.contains("<script>alert") && !text.contains('\u{1b}'), "{file}");
    }
}

#[tokio::test]
async fn the_page_is_read_in_a_browser() {
    let learner = learner();
    let Some(browser) = Browser::start((1280, 900)).await else { return };
    let page = &browser.client;
    let url = format!("file://{}/page.html", learner.mark());
    page.goto(&url).await.expect("it opens");
    // The page hears a moment after the click of where it is to be.
    let shown = async |title: &str| {
        comes(page, &format!("document.querySelector('section.shown h2')?.textContent.startsWith({title:?})")).await;
    };
    // The first that failed.
    shown("✗").await;
    assert_eq!(page.find_all(Locator::Css("section.shown")).await.expect("found").len(), 1);

    // Another run is chosen with the mouse, and with the keyboard the one after it.
    let first = page.find(Locator::Css("#runs a")).await.expect("a list");
    first.click().await.expect("clicked");
    shown("✓ 1. greeting · you/you · clear").await;
    page.find(Locator::Css("body")).await.expect("there").send_keys("j").await.expect("typed");
    shown("✓ 2. ").await;

    // Only those that failed, and one of them.
    page.find(Locator::Id("failed-only")).await.expect("a box").click().await.expect("clicked");
    let hidden = page.find(Locator::Css("#runs li.passed")).await.expect("one that passed");
    assert!(!hidden.is_displayed().await.expect("known"));
    page.find(Locator::Css("#runs li.failed a")).await.expect("one that failed").click().await.expect("clicked");
    shown("✗").await;
    let wrong = page.find(Locator::Css("section.shown .moment.wrong")).await.expect("what was wrong is marked");
    assert!(wrong.is_displayed().await.expect("known"));
    let awaited = page.find(Locator::Css("section.shown .awaited")).await.expect("the line of the transcript is, too");
    assert!(awaited.text().await.expect("text").contains("awaited"));

    // The time is stretched.
    let height = "return document.querySelector('section.shown svg').getBoundingClientRect().height";
    let before = page.execute(height, vec![]).await.expect("a height").as_f64();
    let range = page.find(Locator::Css("section.shown .zoom")).await.expect("a range");
    range.send_keys("\u{e010}").await.expect("End is pressed");
    let after = page.execute(height, vec![]).await.expect("a height").as_f64();
    assert!(after > before.map(|before| 2.0 * before), "{before:?} {after:?}");

    // In words, for those who see no picture.
    page.find(Locator::Css("section.shown > details summary")).await.expect("there").click().await.expect("clicked");
    let words = page.find(Locator::Css("section.shown table")).await.expect("a table").text().await.expect("text");
    assert!(words.contains("listener starts"), "{words}");
    // Nothing was asked for from anywhere, and the page is a page.
    let others =
        page.execute("return performance.getEntriesByType('resource').length", vec![]).await.expect("a number");
    assert_eq!(others, 0);
    let wide = "return document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(page.execute(wide, vec![]).await.expect("known"), true, "nothing sticks out");
    let picture = page.screenshot().await.expect("a picture");
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.png"), picture).expect("written");
    browser.end().await;
}
