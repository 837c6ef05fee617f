//! A fault says at itself on what the contract suite runs it.

use std::any::TypeId;
use std::io;

use chaos_core::FaultNode;

use crate::Subjects;

/// How one fault is built on fresh subjects; written by [`crate::contract_subject!`].
#[derive(Debug)]
pub struct ContractSubject {
    /// The fault's type.
    pub type_id: fn() -> TypeId,
    /// Builds it.
    pub build: fn(&Subjects) -> io::Result<FaultNode>,
}

inventory::collect!(ContractSubject);

impl ContractSubject {
    /// The subject of a fault; `None` when it has none.
    pub(crate) fn of(type_id: TypeId) -> Option<&'static Self> {
        inventory::iter::<Self>.into_iter().find(|subject| (subject.type_id)() == type_id)
    }
}

/// Says on what the contract suite runs a fault:
/// `contract_subject!(PauseProcess, |subjects| Ok(subjects.process()?.into()));`, beside its tests.
///
/// The function acts on nothing but the [`Subjects`](crate::Subjects) that it is given; a finite fault should take about a second.
#[macro_export]
macro_rules! contract_subject {
    ($fault:ty, $build:expr) => {
        const _: () = {
            $crate::__private::inventory::submit! {
                $crate::ContractSubject {
                    type_id: || ::std::any::TypeId::of::<$fault>(),
                    build: |subjects| {
                        let build: fn(&$crate::Subjects) -> ::std::io::Result<$fault> = $build;
                        build(subjects).map(::std::convert::Into::into)
                    },
                }
            }
        };
    };
}
