use std::net::TcpStream;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::network::test_links::{HANG, Rig, contract_link, fault};

chaos_test::contract_subject!(FlapLink, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}, "down": "50ms", "up": "50ms"})))
});

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_it_go_down_and_up_and_it_stays_up_afterwards() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let fault: FlapLink = fault(json!({"target": {"link": "ab"}, "down": "300ms", "up": "300ms"}));
    let connects = || TcpStream::connect(("127.0.0.1", rig.port("ab"))).is_ok();
    let (mut downs, mut ups) = (0, 0);
    let seen = rig
        .inject(&fault, || {
            let (began, mut before) = (Instant::now(), connects());
            // Nothing is judged by the clock: it is only given as long as it may take.
            while (downs, ups) != (5, 5) && began.elapsed() < HANG {
                let now = connects();
                downs += i32::from(before && !now);
                ups += i32::from(!before && now);
                before = now;
                chaos_host::moment();
            }
            assert_eq!((downs, ups), (5, 5));
        })
        .await;
    assert!(seen.contains("taken down ") && seen.contains(" times so far"), "{seen}");
    assert!((0..200).all(|_| connects()), "it goes down again");
    rig.end().await;
}
