//! Every registered fault keeps the contract, on the example of its own documentation.

use chaos_core::FAULTS;
use chaos_faults as _;

#[test]
fn every_registered_fault_keeps_the_contract() {
    let broken = chaos_test::broken_contracts();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(FAULTS.names().iter().any(|name| !name.starts_with("test_")), "nothing was tested");
}
