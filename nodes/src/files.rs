//! The own file system of a started node: a tmpfs over its folder, which a fault can fill without anybody else noticing.

mod facet;
mod free_node_files;
mod mount;
mod unmount_node_files;

pub(crate) use facet::NodeFiles;
pub use free_node_files::FreeNodeFiles;
pub use unmount_node_files::UnmountNodeFiles;
