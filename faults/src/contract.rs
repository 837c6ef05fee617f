//! Every fault of this crate keeps the contract, on the subject that it names beside its tests.

#[test]
fn every_fault_keeps_the_contract() {
    let broken = chaos_test::broken_contracts();
    assert!(broken.is_empty(), "{broken:#?}");
}
