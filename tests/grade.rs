//! `workshop grade`: a class of submissions, of which not all mean well.
#![cfg(target_os = "linux")]

#[path = "support/done.rs"]
mod done;
#[path = "support/folders.rs"]
mod folders;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/instructor.rs"]
mod instructor;
#[path = "support/python.rs"]
mod python;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

use done::Done;
use flate2::Compression;
use flate2::write::GzEncoder;
use folders::change;
use instructor::{Instructor, SHOUTS};
use serde_json::Value;
use zip::write::SimpleFileOptions;

const WHISPERS: &str = "while read -r line; do\n    echo \"$line\"\ndone\n";
/// Keeps one of the two rules.
const ENDS_WRONG: &str = "while read -r line; do\n    echo \"$line\" | tr a-z A-Z\ndone\nexit 3\n";

/// An instructor whose stage has two rules.
fn with_rules() -> Instructor {
    let instructor = Instructor::new();
    let file = instructor.path("course/exercises/shout/stage.yaml");
    change(
        &file,
        "scenarios:\n",
        "rules:\n  - {id: shouts, say: What is typed is printed in capitals., points: 3}\n  - {id: ends, say: It ends with its \
         input.}\nscenarios:\n",
    );
    change(&file, "    about: Each line is answered.\n", "    about: Each line is answered.\n    for: [shouts]\n");
    change(&file, "      crier < ^D\n      crier = exit 0\n", "      ! kill crier\n");
    change(
        &file,
        "hints:\n",
        "  - name: end\n    about: It ends.\n    for: [ends]\n    transcript: |\n      $ crier\n      crier < ^D\n      crier = exit \
         0\nhints:\n",
    );
    instructor
}

impl Instructor {
    /// A submission that is a zip archive with these files.
    fn zip(&self, who: &str, files: &[(&str, &str)]) {
        let file = File::create(self.path("class").join(format!("{who}.zip"))).expect("made");
        let mut archive = zip::ZipWriter::new(file);
        for (path, text) in files {
            archive.start_file(*path, SimpleFileOptions::default()).expect("begun");
            archive.write_all(text.as_bytes()).expect("written");
        }
        archive.finish().expect("finished");
    }

    /// A submission that is a compressed tar archive.
    fn tar(&self, who: &str, files: &[(&str, &str)]) {
        let file = File::create(self.path("class").join(format!("{who}.tar.gz"))).expect("made");
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            // Set by hand: the library would refuse a path that leads out.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, text.as_bytes()).expect("appended");
        }
        archive.into_inner().expect("finished").finish().expect("compressed");
    }

    fn types(&self, line: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(["--course", "course", "grade"]).args(line).current_dir(self.dir.path());
        command.envs([("NO_COLOR", "1"), ("LANG", "C"), ("COLUMNS", "100"), ("PATH", python::path())]);
        Done::of(&mut command)
    }

    fn grades(&self, more: &[&str], code: i32) -> String {
        let done =
            self.types(&[&["class", "--stage", "shout", "--out", "results", "--trust-submissions"], more].concat());
        assert_eq!(done.code, Some(code), "{}", done.text);
        done.text
    }
}

#[test]
fn points_are_by_rule() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    instructor.folder("bob", WHISPERS);
    instructor.zip("carol", &[("homework/shout/crier.sh", ENDS_WRONG), ("homework/shout/notes.txt", "hello")]);
    instructor.tar("dave", &[("crier.sh", SHOUTS)]);
    let said = instructor.grades(&[], 0);
    assert!(said.contains("+ ada  shout  4 of 4\n") || said.contains("✓ ada  shout  4 of 4\n"), "{said}");
    assert!(said.contains("bob  shout  1 of 4  whispers\n"), "{said}");
    assert!(said.contains("carol  shout  3 of 4  "), "{said}");
    assert!(said.contains("dave  shout  4 of 4\n"), "{said}");
    let carol = instructor.result("carol");
    assert_eq!(carol["outcome"], "graded");
    assert_eq!(carol["taken"], serde_json::json!(["crier.sh"]));
    assert_eq!(carol["ignored"][0]["path"], "homework/shout/notes.txt");
    assert_eq!(carol["rules"][0]["state"], "kept");
    assert_eq!(carol["rules"][1]["state"], "broken");
    let said = instructor.grades(&["--all-or-nothing"], 0);
    assert!(said.contains("carol  shout  0 of 4"), "{said}");
}

#[test]
fn what_is_there_is_not_played_again() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    instructor.folder("bob", WHISPERS);
    instructor.grades(&["--shard", "1/2"], 0);
    assert!(!instructor.path("results/bob").exists(), "bob is in the other half");
    let ada = fs::read(instructor.path("results/ada/shout.json")).expect("a result");
    let said = instructor.grades(&[], 0);
    assert!(said.contains("ada  shout  4 of 4    (was there)") && !said.contains("whispers  (was there)"), "{said}");
    assert_eq!(fs::read(instructor.path("results/ada/shout.json")).expect("a result"), ada);
    // Another submission, or another course, is another result.
    instructor.folder("ada", WHISPERS);
    let said = instructor.grades(&[], 0);
    assert!(said.contains("ada  shout  1 of 4  whispers\n") && said.contains("1 of them there already"), "{said}");
    fs::write(instructor.path("course/exercises/shout/lesson.md"), "# Other\n").expect("written");
    assert!(!instructor.grades(&[], 0).contains("was there"));
}

#[test]
fn what_can_t_be_graded_is_no_zero_and_changes_nothing_else() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    fs::create_dir_all(instructor.path("class/links/shout")).expect("made");
    symlink("/etc/passwd", instructor.path("class/links/shout/crier.sh")).expect("linked");
    fs::create_dir_all(instructor.path("class/empty")).expect("made");
    fs::write(instructor.path("class/nonsense.zip"), "no archive").expect("written");
    fs::write(instructor.path("class/nonsense2.tar.gz"), "no archive").expect("written");
    instructor.zip("out", &[("../shout/crier.sh", SHOUTS)]);
    instructor.tar("absolute", &[("/shout/crier.sh", SHOUTS)]);
    instructor.zip("large", &[("shout/crier.sh", &"#".repeat(5 << 20))]);
    let said = instructor.grades(&[], 2);
    assert!(said.contains("7 results could not be graded"), "{said}");
    for (who, why) in [
        ("links", "link: "),
        ("empty", "no-package: "),
        ("nonsense", "no-archive: "),
        ("nonsense2", "no-archive: "),
        ("out", "path-leads-out: "),
        ("absolute", "path-leads-out: "),
        ("large", "too-large: "),
    ] {
        let result = instructor.result(who);
        assert_eq!((&result["outcome"], &result["points"]), (&"not-graded".into(), &Value::Null), "{who}");
        assert!(result["output"].as_str().expect("text").starts_with(why), "{result}");
    }
    assert_eq!(instructor.result("ada")["points"], 4);
}

#[test]
fn a_roster_says_whose_a_submission_is() {
    let instructor = with_rules();
    instructor.folder("Lovelace_12345_file", WHISPERS);
    instructor.folder("Lovelace_12399_file", SHOUTS);
    instructor.folder("stranger", SHOUTS);
    let roster = "who,submission\nada@example.org,Lovelace_12345_file\nada@example.org,Lovelace_12399\n";
    fs::write(instructor.path("roster.csv"), roster).expect("written");
    let said = instructor.grades(&["--roster", "roster.csv"], 0);
    assert!(said.contains("stranger is not in the roster: it is left out"), "{said}");
    assert!(said.contains("ada@example.org (attempt 2)  shout  4 of 4"), "{said}");
    assert_eq!(instructor.result("ada@example.org")["points"], 1, "the first attempt keeps its own result");
    let report = instructor.types(&["report", "results", "--csv", "grades.csv"]);
    assert_eq!(report.code, Some(0), "{}", report.text);
    let table = fs::read_to_string(instructor.path("grades.csv")).expect("a table");
    assert!(table.contains("ada@example.org,2,shout,4,4,1,graded"), "{table}");
}

#[test]
fn a_report_says_what_the_class_has_not_understood() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    instructor.folder("bob", WHISPERS);
    instructor.folder("carol", "echo '<script>alert(1)</script>'\n");
    instructor.folder("dave", WHISPERS);
    instructor.grades(&[], 0);
    let report = instructor.types(&["report", "results", "--html", "class.html", "--junit", "class.xml"]);
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert!(report.text.contains("  2  whispers\n"), "{}", report.text);
    let page = fs::read_to_string(instructor.path("class.html")).expect("a page");
    for expected in
        ["4 learners, 1 stage", "bob, dave", "Your crier does not shout.", "3 of 4", "as bob has it", "<svg"]
    {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    assert!(!page.contains("<script"), "what a submission prints is text");
    let xml = fs::read_to_string(instructor.path("class.xml")).expect("a report");
    assert_eq!((xml.matches("<testcase ").count(), xml.matches("<failure ").count()), (4, 3), "{xml}");
}

#[test]
fn grading_again_shows_whose_points_would_change() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    instructor.folder("bob", ENDS_WRONG);
    instructor.grades(&[], 0);
    assert!(instructor.grades(&["--again"], 0).contains("Nothing has changed."));
    let file = instructor.path("course/exercises/shout/stage.yaml");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("      crier = exit 0\n", "      crier = exit 3\n")).expect("written");

    let said = instructor.grades(&["--again"], 2);
    assert!(said.contains("2 new results; points change in 2\n"), "{said}");
    assert!(said.contains("ada  shout  4 of 4 → 3 of 4") || said.contains("ada  shout  4 of 4 > 3 of 4"), "{said}");
    assert!(said.contains("there is no terminal to ask on"), "{said}");
    assert_eq!(instructor.result("bob")["points"], 3, "nothing is written unasked");

    // What was played is not played again, and now it goes into its place.
    let said = instructor.grades(&["--again", "--yes"], 0);
    assert!(said.contains("2 of them there already") && said.contains("2 results written"), "{said}");
    assert_eq!((&instructor.result("ada")["points"], &instructor.result("bob")["points"]), (&3.into(), &4.into()));
    assert!(!instructor.path("results/.again").exists());
}

/// What an instructor has decided: the scenario `end` is hidden, and learners do not see the run.
const SETTINGS: &str = "stages: [{name: shout, weight: 2}]\nseed: 7\nroster: roster.csv\nshow: [rules, reason]\n";

/// A class whose results are there, with settings, and with a hidden scenario.
fn with_settings() -> Instructor {
    let instructor = with_rules();
    change(
        &instructor.path("course/exercises/shout/stage.yaml"),
        "  - name: end\n",
        "  - name: end\n    hidden: true\n",
    );
    fs::write(instructor.path("grade.yaml"), SETTINGS).expect("written");
    fs::write(instructor.path("roster.csv"), "submission,who\nada,ada\nbob,bob\ncarol,carol\n").expect("written");
    instructor.folder("ada", SHOUTS);
    instructor.folder("bob", WHISPERS);
    instructor.folder("carol", ENDS_WRONG);
    let done = instructor.types(&["class", "--settings", "grade.yaml", "--out", "results", "--trust-submissions"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    instructor
}

#[test]
fn settings_are_written_down_once() {
    let instructor = with_settings();
    assert_eq!(instructor.result("ada")["seed"], 7);
    let done = instructor.types(&["report", "results", "--settings", "grade.yaml"]);
    assert!(done.text.contains("ada  8 of 8\n") && done.text.contains("carol  6 of 8\n"), "{}", done.text);
    for (text, wrong) in [
        ("stages: [{name: shout, weight: 0}]\n", "`weight` is between 1 and 1000\n --> grade.yaml:1:32"),
        ("stages: [{name: shout}, {name: shout}]\n", "the stage `shout` is named twice"),
        ("stagse: []\n", "did you mean `stages`?"),
    ] {
        fs::write(instructor.path("grade.yaml"), text).expect("written");
        let done = instructor.types(&["class", "--settings", "grade.yaml", "--out", "results", "--trust-submissions"]);
        assert_eq!(done.code, Some(2), "{}", done.text);
        assert!(done.text.contains(wrong), "{wrong} is not in {}", done.text);
    }
}

#[test]
fn learners_see_what_the_instructor_lets_them_see() {
    let instructor = with_settings();
    let carol = instructor.result("carol");
    assert_eq!((&carol["reason_is_hidden"], &carol["reason"]["id"]), (&true.into(), &"wrong-ending".into()));
    let told = [
        "report",
        "results",
        "--settings",
        "grade.yaml",
        "--learners",
        "pages",
        "--gradescope",
        "gs",
        "--check50",
        "c50",
    ];
    let done = instructor.types(&told);
    assert_eq!(done.code, Some(0), "{}", done.text);
    let read = |path: &str| fs::read_to_string(instructor.path(path)).expect(path);
    let page = read("pages/carol.html");
    for expected in ["carol: 6 of 8", "It ends with its input.", "A scenario that is not in your course fails."] {
        assert!(page.contains(expected), "{expected} is not on the page");
    }
    for secret in ["bob", "It ends.", "exit 3", "<svg"] {
        assert!(!page.contains(secret), "{secret} is on the page");
    }
    assert!(read("pages/bob.html").contains("Your crier does not shout."));

    let json = |path: &str| serde_json::from_str::<Value>(&read(path)).expect("JSON");
    let bob = json("gs/bob.json");
    assert_eq!(
        (&bob["score"], &bob["tests"][0]["score"], &bob["tests"][0]["max_score"]),
        (&2.into(), &0.into(), &6.into())
    );
    assert_eq!((&bob["tests"][1]["status"], &bob["stdout_visibility"]), (&"passed".into(), &"hidden".into()));
    let bob = json("c50/bob.json");
    assert_eq!(
        bob["results"][0],
        serde_json::json!({
            "name": "shout/builds", "description": "The programs build and can be run.", "passed": true,
            "log": [], "cause": null, "data": {}, "dependency": null
        })
    );
    assert_eq!((&bob["results"][1]["passed"], &bob["results"][2]["passed"]), (&false.into(), &true.into()));
    assert!(bob["results"][1]["cause"]["rationale"].as_str().expect("a reason").contains("does not shout"), "{bob}");
}

#[test]
fn what_could_not_be_graded_costs_nothing_elsewhere_either() {
    let instructor = with_rules();
    fs::write(instructor.path("class/nonsense.zip"), "no archive").expect("written");
    instructor.grades(&[], 2);
    assert_eq!(instructor.types(&["report", "results", "--gradescope", "gs", "--check50", "c50"]).code, Some(0));
    let json = |path: &str| -> Value {
        serde_json::from_slice(&fs::read(instructor.path(path)).expect("a file")).expect("JSON")
    };
    let gradescope = json("gs/nonsense.json");
    assert!(gradescope.get("score").is_none() && gradescope.get("tests").is_none(), "{gradescope}");
    assert_eq!(json("c50/nonsense.json")["results"][0]["passed"], Value::Null);
}

#[test]
fn others_start_the_grading_with_files_of_their_own() {
    let instructor = with_settings();
    let write = |what: &str, more: &[&str]| {
        let line = [what, "class", "--settings", "grade.yaml", "--shards", "3", "--write", what];
        instructor.types(&[&line, more].concat())
    };
    let read = |path: &str| fs::read_to_string(instructor.path(path)).expect(path);
    for what in ["slurm", "kubernetes", "github", "gradescope"] {
        let done = write(what, &["--", "--repeat", "2"]);
        assert_eq!(done.code, Some(0), "{}", done.text);
    }
    let dir = instructor.dir.path().canonicalize().expect("a path").display().to_string();
    let slurm = read("slurm/grade.slurm");
    assert!(
        slurm.contains("#SBATCH --array=1-3\n") && slurm.contains(&format!("grade {dir}/class --settings")),
        "{slurm}"
    );
    assert!(slurm.ends_with("--repeat 2 --shard \"$SLURM_ARRAY_TASK_ID/3\"\n"), "{slurm}");
    let job = read("kubernetes/grade-job.yaml");
    assert!(job.contains("completions: 3\n") && job.contains(&format!("mountPath: {dir}}}")), "{job}");
    let workflow = read("github/.github/workflows/grade.yml");
    assert!(workflow.contains("run: workshop --course course grade class --settings grade.yaml"), "{workflow}");
    let mut archive =
        zip::ZipArchive::new(File::open(instructor.path("gradescope/autograder.zip")).expect("there")).expect("a zip");
    for name in ["setup.sh", "run_autograder", "workshop", "grade.yaml", "course/exercises/shout/stage.yaml"] {
        assert!(archive.by_name(name).is_ok(), "{name} is not in the archive");
    }
    for text in [slurm, job, workflow] {
        let open =
            ["@SHARDS@", "@GRADE@", "@REPORT@", "@OUT@", "@LOGS@", "@COMMAND@", "@MOUNT@", "@PARTS@", "@VERSION@"];
        assert!(!open.iter().any(|word| text.contains(word)), "{text}");
    }
    // What is there is not written over, unless it is the same.
    assert_eq!(write("slurm", &["--", "--repeat", "2"]).code, Some(0));
    let done = write("slurm", &["--", "--repeat", "3"]);
    assert!(done.text.contains("grade.slurm is there already, and is another file"), "{}", done.text);
    let done = instructor.types(&["slurm", "class", "--stage", "shuot", "--write", "other"]);
    assert!(done.text.contains("did you mean `shout`?") && !instructor.path("other").exists(), "{}", done.text);
    let done = write("kubernetes", &["--out", "/elsewhere/results"]);
    assert!(done.text.contains("is not below /elsewhere"), "{}", done.text);
}

#[test]
fn nobody_is_taken_for_somebody_else() {
    let instructor = with_rules();
    for (who, crier) in [("S1", SHOUTS), ("S10", WHISPERS), ("S2_b", WHISPERS), ("S3", SHOUTS)] {
        instructor.folder(who, crier);
    }
    fs::write(instructor.path("class/S4.rar"), "an archive").expect("written");
    let roster = "submission,who\nS1,anna\nS2,J M\nS3,J-M\nS9,zoe\n";
    fs::write(instructor.path("roster.csv"), roster).expect("written");
    fs::write(instructor.path("grade.yaml"), "stages: [{name: shout}]\nroster: roster.csv\n").expect("written");
    let line = ["class", "--settings", "grade.yaml", "--out", "results", "--trust-submissions"];
    let done = instructor.types(&line);
    for expected in [
        "anna  shout  4 of 4\n",
        "J M  shout  1 of 4",
        "J-M  shout  4 of 4\n",
        "S10 is not in the roster",
        "S4.rar is neither",
    ] {
        assert!(done.text.contains(expected), "{expected} is not in {}", done.text);
    }
    assert!(!done.text.contains("attempt"), "{}", done.text);
    // The settings are remembered, and so is who has handed in nothing.
    let report = instructor.types(&["report", "results", "--csv", "grades.csv"]);
    assert!(report.text.contains("zoe  no submission\n"), "{}", report.text);
    let table = fs::read_to_string(instructor.path("grades.csv")).expect("a table");
    assert!(
        table.contains("zoe,,shout,,,1,no submission,,,\n") && table.contains("J M,1,shout,1,4,1,graded"),
        "{table}"
    );

    fs::write(instructor.path("roster.csv"), "submission,who\nS1,anna\nS1,bert\n").expect("written");
    let done = instructor.types(&line);
    assert!(done.code == Some(2) && done.text.contains("says of `S1` twice whose it is"), "{}", done.text);
    let inside = ["class", "--stage", "shout", "--out", "class/results", "--trust-submissions"];
    let done = instructor.types(&inside);
    assert!(done.code == Some(2) && done.text.contains("among the submissions"), "{}", done.text);
}

#[test]
fn of_several_stages_each_has_a_folder_of_its_name() {
    let instructor = with_rules();
    instructor.folder("ada", SHOUTS);
    let line = ["class", "--stage", "shout", "--stage", "count", "--out", "results", "--trust-submissions"];
    let done = instructor.types(&line);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(
        done.text.contains("ada  shout  4 of 4\n") && done.text.contains("ada  count  not graded  no-package"),
        "{}",
        done.text
    );
}

#[test]
fn a_stage_without_rules_passes_or_does_not() {
    let instructor = Instructor::new();
    instructor.folder("bob", WHISPERS);
    instructor.grades(&[], 0);
    assert_eq!(instructor.types(&["report", "results", "--html", "class.html", "--check50", "c50"]).code, Some(0));
    let page = fs::read_to_string(instructor.path("class.html")).expect("a page");
    assert!(!page.contains("submissions pass"), "nobody passes");
    let report: Value =
        serde_json::from_slice(&fs::read(instructor.path("c50/bob.json")).expect("a file")).expect("JSON");
    assert_eq!(
        (&report["results"][1]["name"], &report["results"][1]["passed"]),
        (&"shout/passes".into(), &false.into())
    );
    // What can't be read is said.
    fs::write(instructor.path("results/bob/shout.json"), "{").expect("written");
    fs::copy(instructor.path("c50/bob.json"), instructor.path("results/bob/other.json")).expect("copied");
    let done = instructor.types(&["report", "results"]);
    assert!(done.text.contains("is no result that this version can read"), "{}", done.text);
}
