//! Links between the members of a task, so that faults on the network have something to act on.

use serde_json::{Value, json};

/// The same task with a UDP link for each direction of each pair: `n1-n2` is what `n1` sends to `n2` through.
pub fn linked(mut task: Value) -> Value {
    let Some(nodes) = task["nodes"].as_object_mut() else { return task };
    let mut links = Vec::new();
    for (name, node) in nodes.iter_mut() {
        for word in node["argv"].as_array_mut().into_iter().flatten() {
            // `PEER=ADDRESS`; no other word of a member has an equals sign.
            let Some((peer, address)) = word.as_str().and_then(|text| text.split_once('=')) else { continue };
            let link = format!("{name}-{peer}");
            let through = format!("{peer}=127.0.0.1:{{{{node.{link}.port.listen}}}}");
            let made = json!({
                "type": "link", "protocol": "udp", "upstream": address, "from": name, "to": peer, "ports": ["listen"],
            });
            links.push((link, made));
            *word = json!(through);
        }
    }
    nodes.extend(links);
    task
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{mesh, relayed};

    #[test]
    fn each_peer_of_each_member_is_reached_through_a_link_of_its_own() {
        let task = linked(mesh(3));
        let nodes = task["nodes"].as_object().unwrap();
        assert_eq!(nodes.len(), 3 + 6);
        let link = &nodes["n1-n3"];
        assert_eq!((&link["from"], &link["to"]), (&json!("n1"), &json!("n3")));
        assert_eq!(link["upstream"], "127.0.0.1:{{node.n3.port.gossip}}");
        let argv = nodes["n1"]["argv"].as_array().unwrap();
        assert!(argv.contains(&json!("n3=127.0.0.1:{{node.n1-n3.port.listen}}")), "{argv:?}");
    }

    #[test]
    fn meshes_that_a_relay_joins_have_no_other_way_across() {
        let task = linked(relayed(3));
        let nodes = task["nodes"].as_object().unwrap();
        let links: Vec<&str> = nodes.keys().map(String::as_str).filter(|name| name.contains('-')).collect();
        assert_eq!((nodes.len() - links.len(), links.len()), (7, 24));
        let across = |link: &&&str| link.contains('a') && link.contains('b');
        assert_eq!(links.iter().find(across), None);
    }
}
