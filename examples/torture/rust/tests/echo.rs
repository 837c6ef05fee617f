//! Tests of the client, with cargo nextest or cargo test.

use std::time::Duration;

use echo_client::round_trip;

fn messages_come_back(node: &str) {
    let port = std::env::var(format!("SQUALL_NODE_{node}_PORT_ECHO")).expect("the port of a node");
    let server = format!("127.0.0.1:{port}").parse().expect("an address");
    for number in 0..20 {
        let message = [number; 1024];
        assert_eq!(round_trip(server, &message).expect("it comes back"), message);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn messages_to_n1_come_back() {
    messages_come_back("N1");
}

#[test]
fn messages_to_n2_come_back() {
    messages_come_back("N2");
}

#[test]
fn messages_to_n3_come_back() {
    messages_come_back("N3");
}
