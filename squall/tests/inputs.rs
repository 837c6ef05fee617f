//! Files that a user names and that are none: each is refused at once, by name, and nothing waits or grows.

#![cfg(feature = "full")]

use std::process::Command;

const TASK: &str = "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 999999}}\n";

#[test]
fn what_could_block_or_has_no_end_is_refused_wherever_a_file_is_read() {
    let place = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(place.path().join("fifo")).status().unwrap().success());
    std::fs::write(place.path().join("task.yaml"), TASK).unwrap();
    for input in ["fifo", "/dev/zero", "."] {
        let var_file = format!("KEY={input}");
        let rows: [&[&str]; 7] = [
            &["validate", input],
            &["run", input],
            &["run", "task.yaml", "--policy", input],
            &["run", "task.yaml", "--baseline", input],
            &["run", "task.yaml", "--var-file", &var_file],
            &["diff", input, "task.yaml"],
            &["--config", input, "run", "task.yaml"],
        ];
        for row in rows {
            if row == ["validate", "."] {
                // A folder's files are what is validated.
                continue;
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
            command
                .args(row)
                .current_dir(&place)
                .env("XDG_STATE_HOME", place.path())
                .env("XDG_CONFIG_HOME", place.path());
            let output = command.output().unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(matches!(output.status.code(), Some(64..=65 | 74)), "{row:?}: {:?} {said}", output.status);
            assert!(said.contains("not a regular file"), "{row:?}: {said}");
        }
    }
}

#[test]
fn a_parameter_of_one_of_several_shapes_is_typed_like_any_other() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("data")).unwrap();
    let dry_run = |fill: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(["inject", "disk_full", "directory=data", fill, "--dry-run"]).current_dir(&place);
        command.env("XDG_STATE_HOME", place.path()).env("XDG_CONFIG_HOME", place.path()).output().unwrap()
    };
    for fill in ["fill.bytes=4096", "fill:={\"bytes\":4096}"] {
        let output = dry_run(fill);
        assert_eq!(output.status.code(), Some(0), "{fill}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let refused = dry_run("fill.bytes=many");
    assert_eq!(refused.status.code(), Some(65), "{}", String::from_utf8_lossy(&refused.stderr));
}
