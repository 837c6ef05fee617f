//! What the words and numbers of a container's state mean.

/// Reasons for which a container waits that mostly don't pass by themselves.
const STUCK: [&str; 9] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "RunContainerError",
];

/// Reasons of an end that say nothing of the program in the container.
const NOT_RUN: [&str; 3] = ["ContainerCannotRun", "ContainerStatusUnknown", "StartError"];

/// Whether a container that waits for this reason mostly goes on waiting.
pub fn is_stuck(reason: &str) -> bool {
    STUCK.contains(&reason)
}

/// Whether a container that ended for this reason never ran its program.
pub fn was_not_run(reason: &str) -> bool {
    NOT_RUN.contains(&reason)
}

/// The signal that ended a container: the one that its state names, else that of its exit code. A shell, and the runtime, say 128
/// and the number of the signal, 1 to 64.
pub fn ending_signal(code: i32, named: Option<i32>) -> Option<i32> {
    named.filter(|signal| *signal > 0).or_else(|| (129..=192).contains(&code).then_some(code - 128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_named_or_told_by_the_exit_code() {
        let rows = [
            (137, None, Some(9)),
            (137, Some(0), Some(9)),
            (192, None, Some(64)),
            (193, None, None),
            (128, None, None),
            (1, None, None),
            (1, Some(15), Some(15)),
        ];
        for (code, named, want) in rows {
            assert_eq!(ending_signal(code, named), want, "{code} {named:?}");
        }
    }

    #[test]
    fn what_waits_for_ever_is_told_from_what_passes() {
        assert!(is_stuck("ImagePullBackOff") && is_stuck("RunContainerError") && is_stuck("ImageInspectError"));
        assert!(!is_stuck("ContainerCreating") && !is_stuck("PodInitializing") && !is_stuck(""));
        assert!(was_not_run("StartError") && !was_not_run("Error") && !was_not_run("OOMKilled"));
    }
}
