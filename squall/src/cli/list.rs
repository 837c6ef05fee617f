//! `squall list`: every plug-in that is linked into this program.

use chaos_core::Kind;
use clap::ValueEnum;

use super::console::{Colour, Paint, print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::plug_in::{self, PlugIn, span_word};

/// Lists the faults, triggers, probes, node kinds, sources of evidence and leaf steps of workflows of this program.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these.
    kind: Option<PluginKind>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: DataFormat,
}

/// A kind of plug-in, as its folder is called.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum PluginKind {
    Faults,
    Triggers,
    Probes,
    Nodes,
    Sources,
    Steps,
}

impl PluginKind {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Faults => Kind::Fault,
            Self::Triggers => Kind::Trigger,
            Self::Probes => Kind::Probe,
            Self::Nodes => Kind::Node,
            Self::Sources => Kind::Source,
            Self::Steps => Kind::Step,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let wanted = |plug_in: &PlugIn| args.kind.is_none_or(|kind| kind.kind() == plug_in.kind);
    let plug_ins: Vec<PlugIn> = plug_in::all().into_iter().filter(wanted).collect();
    match args.format {
        DataFormat::Json => print_json(&plug_ins)?,
        DataFormat::Text => print(&table(&plug_ins, Paint::stdout()))?,
    }
    Ok(0)
}

fn table(plug_ins: &[PlugIn], paint: Paint) -> String {
    let width = plug_ins.iter().map(|p| p.name.len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    let mut kind = None;
    for plug_in in plug_ins {
        if kind != Some(plug_in.kind) {
            lines.extend(kind.map(|_| String::new()));
            lines.push(paint.paint(Colour::Bold, &format!("{}s", plug_in.kind.word())));
            kind = Some(plug_in.kind);
        }
        let span = plug_in.span.map(|span| format!("{:<11}", span_word(span))).unwrap_or_default();
        let deprecated = plug_in.deprecated.map(|why| format!(" (deprecated: {why})")).unwrap_or_default();
        lines.push(format!("  {:<width$}  {span}{}{deprecated}", plug_in.name, plug_in.summary));
    }
    lines.push(String::new());
    lines.join("\n")
}
