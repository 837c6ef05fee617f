//! A Serial goes on after a failure, and nothing in any status says that there was one.

use crate::world::{Seen, World, serial, task};

#[tokio::test]
async fn model_0_1_all_five_steps_run_after_the_second_failed() {
    let Some(world) = World::new().await else { return };
    let steps = ["one", "two", "three", "four", "five"];
    let mut templates = vec![serial("entry", None, &steps)];
    templates.extend(steps.iter().map(|step| task(step, u8::from(*step == "two"))));
    world.flow(&templates).await;

    let seen = world.until("the Workflow is accomplished", Seen::accomplished).await;
    assert_eq!(seen.nodes.len(), 6, "one node for each template: {:#?}", seen.nodes);
    for node in &seen.nodes {
        assert!(node.is("Accomplished"), "{node:#?}");
        assert!(!node.is("DeadlineExceed") && !node.is("Aborted"), "{node:#?}");
        let branches = node.status.conditional_branches_status.as_ref();
        assert!(branches.is_none_or(|it| it.context.is_empty()), "no exit code without branches: {node:#?}");
    }
    let status = seen.workflow_status();
    assert!(status.end_time.is_some() && status.entry_node.as_deref() == seen.node("entry").map(|it| it.name.as_str()));
    assert_eq!(seen.workflow.as_ref().unwrap().data["status"].get("phase"), None);
    for step in steps {
        let pods = seen.pods_of(step);
        let exit = pods[0].status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].state.as_ref();
        let code = exit.unwrap().terminated.as_ref().unwrap().exit_code;
        assert_eq!((pods.len(), code), (1, i32::from(step == "two")), "the exit code of {step} is on its pod alone");
    }
    world.caught_up().await;
    let reasons = world.reasons().await;
    for reason in ["EntryCreated", "NodesCreated", "TaskPodSpawned", "NodeAccomplished", "WorkflowAccomplished"] {
        assert!(reasons.iter().any(|it| it == reason), "no event {reason}: {reasons:?}");
    }
    assert!(!reasons.iter().any(|it| it.contains("Fail")), "{reasons:?}");
    assert_eq!(world.model.as_ref().unwrap().errors(), Vec::<String>::new());
}

#[tokio::test]
async fn model_a_name_that_is_too_long_is_told_by_an_event_and_a_condition() {
    let Some(world) = World::new().await else { return };
    let name = "f".repeat(64);
    world.create(&name, None, &[serial("entry", None, &[])]).await;
    let why = |it: &kube::api::DynamicObject| it.data["status"]["conditions"].to_string();
    loop {
        let flow = world.workflows().get(&name).await.unwrap();
        if why(&flow).contains("Scheduled") {
            assert!(why(&flow).contains(r#""status":"False","type":"Scheduled""#), "{}", why(&flow));
            assert!(flow.data["status"]["entryNode"].is_null());
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.caught_up().await;
    assert!(world.reasons().await.contains(&"InvalidEntry".to_owned()));
}
