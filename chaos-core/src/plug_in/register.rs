//! The macros that register plug-ins.

/// Registers a fault under its `type`: `register_fault!(PauseProcess, "pause_process");`.
///
/// Options, in this order: `aliases: ["old_name"]` for names that stay readable,
/// `status: Status::Deprecated(Successor { … })`, and `load_from: Load::from` where it can be built from a
/// [`LoadRequest`](crate::LoadRequest).
#[macro_export]
macro_rules! register_fault {
    (
        $ty:ident, $name:literal
        $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(, load_from: $load:expr)? $(,)?
    ) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynFault,
            Some(<$ty as $crate::Fault>::SPAN), <$ty as $crate::Fault>::NEEDS,
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)),
            $crate::__load_from!($($load)?), None);
    };
}

/// Registers a trigger under its `type`: `register_trigger!(Time, "time");`. Options as for [`register_fault!`].
#[macro_export]
macro_rules! register_trigger {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(,)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynTrigger, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None, None);
    };
}

/// Registers a probe under its `type`: `register_probe!(Http, "http");`. Options as for [`register_fault!`], but
/// `any_answer: Http::any_answer` where it can be built from an [`HttpUrl`](crate::HttpUrl) in place of `load_from`.
#[macro_export]
macro_rules! register_probe {
    (
        $ty:ident, $name:literal
        $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(, any_answer: $any:expr)? $(,)?
    ) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynProbe, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None, $crate::__any_answer!($($any)?));
    };
}

/// Registers a node kind under its `type`: `register_node!(ProcessNode, "process");`. Options as for [`register_fault!`].
#[macro_export]
macro_rules! register_node {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(,)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynNode, None,
            <$ty as $crate::NodeKind>::NEEDS,
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None, None);
    };
}

/// Registers a source of evidence under its `type`: `register_source!(LogFile, "log_file");`. Options as for
/// [`register_fault!`].
#[macro_export]
macro_rules! register_source {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(,)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynSource, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None, None);
    };
}

/// Registers a leaf step of workflows under its `type`: `register_step!(Wait, "wait");`. Options as for [`register_fault!`].
#[macro_export]
macro_rules! register_step {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(, status: $status:expr)? $(,)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [$($status)?], DynStep, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None, None);
    };
}

/// Registers an undo step under its `type`: `register_undo_step!(ResumeProcess, "resume_process");`.
///
/// Journals of earlier versions are read: a step that was renamed keeps its old name among its `aliases: ["…"]`.
#[macro_export]
macro_rules! register_undo_step {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(,)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], [], DynUndoStep, None, &[], None, None, None);
    };
}

/// Says what became of a name that a plug-in had in an earlier version, so that a document that still uses it is told:
/// `removed_name!(Fault, "fill_disk", Successor { replacement: Some("disk_full"), reason: "it was renamed" });`.
#[macro_export]
macro_rules! removed_name {
    ($kind:ident, $name:literal, $successor:expr) => {
        $crate::__private::inventory::submit! {
            $crate::RemovedName {
                kind: $crate::Kind::$kind,
                name: $name,
                successor: $successor,
                krate: env!("CARGO_PKG_NAME"),
                file: file!(),
                line: line!(),
            }
        }
    };
}

/// The given status, or the default.
#[doc(hidden)]
#[macro_export]
macro_rules! __status {
    () => {
        $crate::Status::Stable
    };
    ($status:expr) => {
        $status
    };
}

/// How a load's request becomes a fault, where it can.
#[doc(hidden)]
#[macro_export]
macro_rules! __load_from {
    () => {
        None
    };
    ($load:expr) => {
        Some(|request| Box::new($load(request)) as Box<dyn $crate::DynFault>)
    };
}

/// How a URL becomes a probe, where it can.
#[doc(hidden)]
#[macro_export]
macro_rules! __any_answer {
    () => {
        None
    };
    ($any:expr) => {
        Some(|url| Box::new($any(url)) as Box<dyn $crate::DynProbe>)
    };
}

/// The common body of the `register_…!` macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    (
        $ty:ident, $name:literal, [$($alias:literal),*], [$($status:expr)?], $trait:ident,
        $span:expr, $needs:expr, $schema:expr, $load:expr, $any:expr
    ) => {
        const _: () = {
            use $crate::__private::typetag;

            #[typetag::serialize(name = $name)]
            impl $crate::$trait for $ty {}

            $crate::__private::inventory::submit! {
                $crate::Descriptor::<dyn $crate::$trait> {
                    name: $name,
                    aliases: &[$($alias),*],
                    status: $crate::__status!($($status)?),
                    span: $span,
                    needs: $needs,
                    schema: $schema,
                    type_id: || ::std::any::TypeId::of::<$ty>(),
                    deserialize: |deserializer| {
                        $crate::__private::erased_serde::deserialize::<$ty>(deserializer)
                            .map(|it| Box::new(it) as Box<dyn $crate::$trait>)
                    },
                    load_from: $load,
                    any_answer: $any,
                    krate: env!("CARGO_PKG_NAME"),
                    file: file!(),
                    line: line!(),
                }
            }
        };
    };
}
