//! The own file system of one started node: how it is mounted, filled, and what it says of its space.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chaos_core::{
    AllowedDir, CeilingKind, DirIdentity, Effect, FilesSpace, Fill, NodeContext, Plan, PluginError, Resource, boot_id,
};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::free_node_files::FreeNodeFiles;
use super::mount::{is_mounted, may_mount, mount_namespace, mount_tmpfs};
use super::unmount_node_files::UnmountNodeFiles;
use crate::log_files::private_folder;
use crate::running::node_resource;

/// How the files that fill begin; behind it stands the run's id and the entry's position.
const PREFIX: &str = ".squall-fill-";

/// The unit of `st_blocks`, whatever the file system's own is (POSIX, `sys/stat.h`).
const BLOCK_BYTES: u64 = 512;

/// The tmpfs over the folder of one node.
#[derive(Debug)]
pub(crate) struct NodeFiles {
    bytes: u64,
    source: String,
    node: NodeContext,
}

impl NodeFiles {
    /// A file system of so many bytes for a node.
    pub(crate) fn of(node: &NodeContext, bytes: u64) -> Self {
        let source = format!("squall:{}/{}", node.cx().run_id(), node.name());
        Self { bytes, source, node: node.clone() }
    }

    fn folder(&self) -> &Path {
        &self.node.place().dir
    }

    fn label(&self) -> String {
        format!("node `{}`", self.node.name())
    }

    /// Why it can't be mounted.
    ///
    /// # Errors
    /// [`PluginError::Refused`].
    pub(crate) fn check(&self) -> Result<(), PluginError> {
        if !may_mount().map_err(|error| PluginError::io("read our capabilities", &error))? {
            let why = "`tmpfs_bytes` needs the right to mount (CAP_SYS_ADMIN), which this process lacks: run as root, or \
                       in a user namespace of your own (`unshare --user --map-root-user --mount`)";
            return Err(PluginError::refused(why));
        }
        let full = fs::read_dir(self.folder()).is_ok_and(|mut entries| entries.next().is_some());
        if full {
            let folder = self.folder().display();
            let why = format!("`tmpfs_bytes` would hide what is in `{folder}`: name an empty `dir`, or none");
            return Err(PluginError::refused(why));
        }
        Ok(())
    }

    /// Mounts it.
    pub(crate) fn mount(&self) -> Result<Effect, PluginError> {
        let failed = |error: &io::Error| PluginError::io(&format!("mount the tmpfs of {}", self.label()), error);
        private_folder(self.folder()).map_err(|error| failed(&error))?;
        let folder = self.folder().canonicalize().map_err(|error| failed(&error))?;
        let mount_ns = mount_namespace().map_err(|error| failed(&error))?;
        let (source, bytes, node) = (self.source.clone(), self.bytes, self.node.name().to_owned());
        let step = UnmountNodeFiles { node, folder, source, boot_id: boot_id(), mount_ns };
        let (at, label) = (step.clone(), self.label());
        Ok(Effect::new(
            step,
            Effect::blocking(move || {
                let mounted = mount_tmpfs(&at.folder, &at.source, bytes);
                mounted.map_err(|error| PluginError::io(&format!("mount the tmpfs of {label}"), &error))
            }),
        ))
    }

    /// Where it is mounted.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when it is not.
    fn mounted(&self) -> Result<PathBuf, PluginError> {
        let failed = |error: &io::Error| PluginError::io(&format!("find the tmpfs of {}", self.label()), error);
        let folder = self.folder().canonicalize().map_err(|error| failed(&error))?;
        if is_mounted(&folder, &self.source).map_err(|error| failed(&error))? {
            return Ok(folder);
        }
        Err(PluginError::refused(format!("the tmpfs of {} is not mounted at `{}`", self.label(), folder.display())))
    }

    /// What filling it would touch; before the node is up there is nothing to look at.
    pub(crate) fn plan(&self, fill: Fill, is_up: bool) -> Result<Plan, PluginError> {
        let bytes = if is_up { fill.of(self.space()?.free_bytes)? } else { fill.of(self.bytes)? };
        let files = Resource::other("files", &self.source).within(node_resource(&self.node).id);
        #[expect(clippy::cast_precision_loss, reason = "a ceiling need not be exact above 2^52 bytes")]
        let ceiling = bytes as f64;
        let label = format!("the tmpfs of {} (`{}`) with {bytes} bytes", self.label(), self.folder().display());
        Ok(Plan::new(label).touching(files).at_most(CeilingKind::Bytes, ceiling))
    }

    /// The file that fills it, and the step that frees it.
    pub(crate) fn effect(&self, fill: Fill) -> Result<Effect, PluginError> {
        let folder = self.mounted()?;
        let failed = |error: &io::Error| PluginError::io(&format!("open `{}`", folder.display()), error);
        let meta = fs::metadata(&folder).map_err(|error| failed(&error))?;
        let identity = DirIdentity { device: meta.dev(), inode: meta.ino() };
        fill.of(self.space()?.free_bytes)?;
        let name = format!("{PREFIX}{}", self.node.cx().run_id());
        let step = FreeNodeFiles { node: self.node.name().to_owned(), folder, identity, file: name };
        let (at, label) = (step.clone(), self.label());
        Ok(Effect::new(
            step,
            Effect::blocking(move || {
                let filled = fill_up(&at, fill);
                filled.map_err(|error| PluginError::io(&format!("fill the tmpfs of {label}"), &error))
            }),
        ))
    }

    /// What the kernel says of its space.
    pub(crate) fn space(&self) -> Result<FilesSpace, PluginError> {
        let path = self.mounted()?;
        let failed = |error: &io::Error| PluginError::io(&format!("read the space of `{}`", path.display()), error);
        let stat = statvfs(&path).map_err(|errno| failed(&errno.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let filled_bytes = filled(&path).map_err(|error| failed(&error))?;
        let (total_bytes, free_bytes) = (bytes(stat.f_blocks), bytes(stat.f_bavail));
        Ok(FilesSpace { label: self.label(), path, total_bytes, free_bytes, filled_bytes })
    }
}

/// Bytes that files of faults take.
fn filled(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            // One that is removed meanwhile takes nothing.
            bytes += entry.metadata().map_or(0, |meta| meta.blocks() * BLOCK_BYTES);
        }
    }
    Ok(bytes)
}

/// Makes the file and allocates its space. The node writes meanwhile, so that what is free is asked right before it.
fn fill_up(at: &FreeNodeFiles, fill: Fill) -> io::Result<()> {
    let dir = AllowedDir::reopen(&at.folder, at.identity)?;
    let dir = dir.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is another file system by now"))?;
    let filler = dir.create_new(&at.file)?;
    // Bounded: a node that writes at full speed can take what was free, each time.
    for _ in 0..16 {
        let stat = statvfs(&at.folder)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let Ok(bytes) = fill.of(free) else { return Ok(()) };
        match fallocate(&filler, FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::NOSPC) => {}
            done => return Ok(done?),
        }
    }
    Err(io::Error::new(io::ErrorKind::StorageFull, "the node takes the space that is to be filled"))
}
