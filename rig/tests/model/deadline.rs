//! Deadlines end nodes, never pods. For chaos a deadline is the normal end, for everything else a failure.

use crate::world::{Seen, World, after, endless, kill, runs, serial, task};

#[tokio::test]
async fn model_0_12_a_task_that_is_late_is_followed_by_the_next_while_its_pod_runs() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["late", "next"]), endless("late", Some("2s")), task("next", 0)]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    let late = seen.node("late").unwrap();
    assert_eq!(late.reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    assert!(!late.is("Accomplished"));
    assert!(seen.holds("next", "Accomplished") && seen.holds("entry", "Accomplished"));
    world.until("its pod runs, and nobody ends it", |seen| runs(seen, "late")).await;
}

#[tokio::test]
async fn model_0_12_a_deadline_after_the_end_is_omitted() {
    let Some(world) = World::new().await else { return };
    let mut quick = task("quick", 0);
    // Long enough that the pod ends before it on a busy machine, too.
    quick["deadline"] = "30s".into();
    world.flow(&[serial("entry", None, &["quick"]), quick]).await;
    world.until("the Workflow is accomplished", Seen::accomplished).await;
    let seen = world.until("the deadline has passed", |seen| seen.holds("quick", "DeadlineExceed")).await;
    let quick = seen.node("quick").unwrap();
    assert_eq!(quick.reason("DeadlineExceed"), Some("NodeDeadlineOmitted"));
    assert!(quick.is("Accomplished") && seen.accomplished());
}

#[tokio::test]
async fn model_0_12_chaos_ends_by_its_deadline_and_its_object_goes() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", None, &["kill"]), kill("kill", Some("20s"))]).await;
    let injected = world.until("the object is there", |seen| seen.holds("kill", "ChaosInjected")).await;
    let chaos = injected.node("kill").unwrap().status.chaos_resource.clone().unwrap();
    assert_eq!((chaos["kind"].as_str(), chaos["apiGroup"].as_str()), (Some("PodChaos"), Some("chaos-mesh.org")));
    let objects = world.cluster.chaos_mesh("PodChaos", "podchaos", &world.namespace);
    let object = objects.get(chaos["name"].as_str().unwrap()).await.unwrap();
    assert_eq!(object.data["spec"]["action"], "pod-kill");
    let seen = world
        .until("the Workflow is accomplished and the object gone", |seen| {
            seen.accomplished() && !seen.holds("kill", "ChaosInjected")
        })
        .await;
    let kill = seen.node("kill").unwrap();
    assert_eq!(kill.reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    assert!(!kill.is("Accomplished") && kill.status.chaos_resource.is_none());
    assert!(objects.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn model_a_parents_deadline_reaches_active_children_alone_and_starts_nothing() {
    let Some(world) = World::new().await else { return };
    world
        .flow(&[
            // Long enough that the last step begins before it on a busy machine, too.
            serial("entry", Some("30s"), &["done", "inner", "never"]),
            task("done", 0),
            serial("inner", Some("1h"), &["running", "never"]),
            endless("running", None),
            task("never", 0),
        ])
        .await;
    let seen = world.until("the deadline has cascaded", |seen| seen.holds("running", "DeadlineExceed")).await;
    let reason = |template: &str| seen.node(template).unwrap().reason("DeadlineExceed");
    assert_eq!(reason("entry"), Some("NodeDeadlineExceed"));
    assert_eq!(reason("inner"), Some("ParentNodeDeadlineExceed"));
    assert_eq!(reason("running"), Some("ParentNodeDeadlineExceed"));
    assert_eq!(reason("done"), None, "it had finished");
    world.caught_up().await;
    let seen = world.seen().await;
    assert!(!seen.has("never") && seen.accomplished());
    world.until("its pod runs, and nobody ends it", |seen| runs(seen, "running")).await;
}

#[tokio::test]
async fn model_0_13_a_kill_without_a_deadline_holds_its_serial_up_to_the_parents_deadline() {
    let Some(world) = World::new().await else { return };
    world.flow(&[serial("entry", Some("20s"), &["kill", "never"]), kill("kill", None), task("never", 0)]).await;
    let seen = world.until("the object is there", |seen| seen.holds("kill", "ChaosInjected")).await;
    assert!(!seen.node("kill").unwrap().finished() && !seen.accomplished());
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert_eq!(seen.node("entry").unwrap().reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    let seen = world.until("the object is gone", |seen| !seen.holds("kill", "ChaosInjected")).await;
    assert_eq!(seen.node("kill").unwrap().reason("DeadlineExceed"), Some("ParentNodeDeadlineExceed"));
    assert!(!seen.has("never"));
}

#[tokio::test]
async fn model_a_suspend_ends_by_its_deadline_and_a_parallel_by_all_its_children() {
    let Some(world) = World::new().await else { return };
    let wait = serde_json::json!({ "name": "wait", "templateType": "Suspend", "deadline": "2s" });
    let mut both = serial("both", None, &["wait", "work"]);
    both["templateType"] = "Parallel".into();
    world.flow(&[both, wait, after("work", "1s")]).await;
    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert_eq!(seen.node("wait").unwrap().reason("DeadlineExceed"), Some("NodeDeadlineExceed"));
    assert!(!seen.holds("wait", "Accomplished"));
    assert!(seen.holds("work", "Accomplished") && seen.holds("both", "Accomplished"));
    assert_eq!(seen.node("both").unwrap().status.finished_children.len(), 2);
}
